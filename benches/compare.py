#!/usr/bin/env python3
"""Runs keysieve beside other secret scanners and writes what it saw into the README's table.

    python3 benches/compare.py                          # makes 100 MB of n8n workflows and measures
    python3 benches/compare.py --corpus DIR --write     # takes a folder, and fills the table in README.md
    python3 benches/compare.py --bin gitleaks=/path/to/gitleaks --rounds 3

What counts is CPU time (user and system, all threads, start of the process included): unlike the time that passes it
hardly depends on what else a machine does. Commands run one after the other in rounds, so that a busy minute falls on
all of them, and the median of the rounds is shown. The first round only warms caches. No scanner may reach the network or
validate anything. Scanners that are not installed are left out. Needs Python 3.9 and a Unix.
"""

import argparse
import ctypes
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
MARKERS = ("<!-- speed:begin -->", "<!-- speed:end -->")
FOLDER, ZIP, FILE = "folder", "zip", "file"


class Tool:
    """A command line. `{input}` and `{output}` are filled in; `count` reads the findings out of the output."""

    def __init__(self, name, line, version, count, reads=(FOLDER, ZIP, FILE), statuses=(0,)):
        self.name, self.line, self.version, self.count = name, line, version, count
        self.reads, self.statuses = reads, statuses


def parsed(path):
    return json.loads(path.read_text(encoding="utf-8", errors="replace") or "null")


def listed(path):
    """Findings in a report that is one list."""
    return len(parsed(path) or [])


def under_findings(path):
    """Findings in a report that has them under `findings`, or is a list of such reports."""
    report = parsed(path)
    reports = report if isinstance(report, list) else [report]
    return sum(len(one["findings"]) if "findings" in one else 1 for one in reports if one)


def lines(path):
    return sum(1 for line in path.open("rb") if line.strip())


def counts(path):
    """The sum of `path:count` lines, or of plain counts."""
    return sum(int(line.rsplit(b":", 1)[-1]) for line in path.open("rb") if line.strip())


def nothing(_path):
    return None


TOOLS = [
    Tool("keysieve", "scan {input} --no-progress --format json --output {output} --quiet", "--version",
         under_findings, statuses=(0, 1, 3)),
    Tool("kingfisher", "scan {input} --no-validate --no-update-check --git-history none --confidence low --quiet "
         "--format json --output {output}", "--version", under_findings, statuses=(0, 200)),
    Tool("betterleaks", "fs {input} --no-banner --silent --exit-code 0 --output {output}", "--version", under_findings),
    Tool("gitleaks", "dir {input} --no-banner --log-level error --exit-code 0 --max-archive-depth 8 "
         "--report-format json --report-path {output}", "--version", listed),
    Tool("ripsecrets", "{input}", "--version", lines, reads=(FOLDER, FILE), statuses=(0, 1)),
    Tool("rg", "--no-ignore --hidden --text --count ghp_[0-9A-Za-z]{{36}} {input}", "--version", counts,
         reads=(FOLDER, FILE), statuses=(0, 1)),
]
# The least that any scanner must do with the same input; see benches/tools/read_floor.rs.
FLOOR = Tool("read_floor", "{input}", None, nothing, reads=(FOLDER, ZIP))


class Run:
    """What one process took: seconds of CPU, bytes of memory at its peak, its exit status."""

    def __init__(self, usage, status):
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self.status = os.waitstatus_to_exitcode(status)


def become_subreaper():
    """On Linux a process begins with the peak memory of the one that started it, and Python's is larger than what is
    measured here. So a small shell starts each command and goes, and the orphan comes to us."""
    if sys.platform != "linux":
        return False
    return ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER


def run(command, stdout, environment, orphans):
    launcher = ["/bin/sh", "-c", '"$@" & exit 0', "sh"] if orphans else []
    with open(stdout, "wb") as out:
        process = subprocess.Popen(launcher + command, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    if orphans:
        _, status, usage = os.wait4(-1, 0)
    return Run(usage, status)


class Measured:
    """All rounds of one tool on one input."""

    def __init__(self, tool, path, kind):
        self.tool, self.path, self.kind = tool, path, kind
        self.runs, self.findings, self.failed = [], None, None

    def once(self, work, binaries, environment, orphans, warm):
        output, stdout = work / "report.json", work / "stdout"
        output.unlink(missing_ok=True)
        line = [word.format(input=self.path, output=output) for word in self.tool.line.split()]
        one = run([binaries[self.tool.name], *line], stdout, environment, orphans)
        if one.status not in self.tool.statuses:
            self.failed = f"exit status {one.status}"
        report = output if output.exists() else stdout
        try:
            self.findings = self.tool.count(report)
        except (ValueError, KeyError, TypeError) as error:
            self.failed = f"its report cannot be read: {error}"
        if not warm:
            self.runs.append(one)

    def cpu(self):
        return statistics.median(one.cpu for one in self.runs)

    def memory(self):
        return max(one.memory for one in self.runs)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="a folder to scan; one is made if none is given")
    parser.add_argument("--megabytes", type=int, default=100, help="size of the corpus that is made (100)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the corpus that is made (1)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each command is measured (5)")
    parser.add_argument("--bin", action="append", default=[], metavar="NAME=PATH", help="where a scanner stands")
    parser.add_argument("--only", metavar="NAME,…", help="only these scanners, beside keysieve")
    parser.add_argument("--target", type=Path, help="folder with keysieve and the examples, built already")
    parser.add_argument("--write", action="store_true", help="write the table into README.md")
    return parser.parse_args()


def build():
    """Builds what is needed and returns the folder it stands in."""
    command = ["cargo", "build", "--locked", "--release", "--bin", "keysieve",
               "--example", "make_corpus", "--example", "read_floor"]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    metadata = subprocess.run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=REPOSITORY, check=True,
                              capture_output=True)
    return Path(json.loads(metadata.stdout)["target_directory"]) / "release"


def find_binaries(given, target, only):
    places = dict(pair.split("=", 1) for pair in given)
    found = {"keysieve": str(target / "keysieve"), FLOOR.name: str(target / "examples" / FLOOR.name)}
    for tool in TOOLS[1:]:
        path = places.get(tool.name) or shutil.which(tool.name)
        if path and (only is None or tool.name in only.split(",")):
            found[tool.name] = path
        else:
            print(f"left out: {tool.name}", file=sys.stderr)
    return found


def pack(folder, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()):
            archive.write(file, file.relative_to(folder))


def inputs(settings, target, work):
    """The three inputs, and what they are in words."""
    maker, clean = str(target / "examples" / "make_corpus"), work / "clean.json"
    folder = settings.corpus or work / "corpus"
    megabytes = 0 if settings.corpus else settings.megabytes
    command = [maker, str(work / "corpus"), "--seed", str(settings.seed), "--megabytes", str(megabytes), "--clean", str(clean)]
    made = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    pack(folder, work / "corpus.zip")
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    about = f"{len(sizes):,} files, {sum(sizes) / 1e6:,.0f} MB"
    if settings.corpus:
        about += ", a folder of exports"
    else:
        about += f", n8n workflows made with seed {settings.seed}; {made['planted']} credentials are planted in them"
    return [(FOLDER, folder), (ZIP, work / "corpus.zip"), (FILE, clean)], about


def measure(settings, work):
    target = settings.target or build()
    binaries = find_binaries(settings.bin, target, settings.only)
    places, about = inputs(settings, target, work)
    tools = [tool for tool in [*TOOLS, FLOOR] if tool.name in binaries]
    measured = [Measured(tool, path, kind) for kind, path in places for tool in tools if kind in tool.reads]
    home = work / "home"
    home.mkdir()
    # Caches that a scanner keeps between runs are warm, and go with the folder.
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(work)}
    orphans = become_subreaper()
    for number in range(settings.rounds + 1):
        print(f"round {number} of {settings.rounds}" + (" (warming up)" if number == 0 else ""), file=sys.stderr)
        for one in measured:
            one.once(work, binaries, environment, orphans, warm=number == 0)
    return measured, about, versions(tools, binaries, environment)


def versions(tools, binaries, environment):
    found = {}
    for tool in tools:
        if tool.version:
            shown = subprocess.run([binaries[tool.name], tool.version], env=environment, capture_output=True, text=True)
            text = (shown.stdout or shown.stderr).strip().splitlines()
            found[tool.name] = text[0].replace(tool.name, "").replace("version", "").strip() if text else "?"
    return found


TITLES = {FOLDER: "the folder", ZIP: "a zip of it", FILE: "one file of 20 KB, no finding"}


def seconds(value):
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value:.2f} s"


def table(measured, about, found, rounds):
    own = {one.kind: one for one in measured if one.tool.name == "keysieve"}
    rows = ["| input | who | CPU time | of keysieve's | peak memory | findings |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    for one in measured:
        floor = one.tool is FLOOR
        name = {FOLDER: "*walk, open, read; nothing else*", ZIP: "*inflate, CRC-32; nothing else*"}[one.kind] if floor else one.tool.name
        if one.failed:
            rows.append(f"| {TITLES[one.kind]} | {name} | failed: {one.failed} | | | |")
            continue
        ratio = one.cpu() / own[one.kind].cpu() if own[one.kind].runs else 0
        share = f"{ratio:.2f} ×" if ratio < 10 else f"{ratio:.0f} ×"
        findings = "" if one.findings is None else f"{one.findings:,}"
        rows.append(f"| {TITLES[one.kind]} | {name} | {seconds(one.cpu())} | {share} | {one.memory() / 1e6:.0f} MB | {findings} |")
    ratios = [f"{own[one.kind].cpu() / one.cpu():.2f} times its yardstick on {TITLES[one.kind]}"
              for one in measured if one.tool is FLOOR and not one.failed and not own[one.kind].failed]
    used = [one.tool for one in measured if one.kind == FILE]
    commands = [f"- {tool.name} {found[tool.name]}: `{tool.name} {tool.line.format(input='INPUT', output='OUTPUT')}`" for tool in used]
    return "\n".join([
        f"Measured over {about}, on {machine()}; CPU time of user and system, all threads, median of {rounds} rounds. "
        f"keysieve takes {' and '.join(ratios)}.", "", *rows, "",
        "The scanners do not look for the same things, so findings are no score. Versions and command lines:", "", *commands])


def machine():
    model = platform.processor() or platform.machine()
    try:
        names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")]
        model = names[0] if names else model
    except OSError:
        pass
    return f"{os.cpu_count()} cores of {model}, {platform.system()}"


def write(text):
    readme = REPOSITORY / "README.md"
    old = readme.read_text(encoding="utf-8")
    begin, end = (old.index(marker) for marker in MARKERS)
    readme.write_text(old[:begin] + MARKERS[0] + "\n" + text + "\n" + old[end:], encoding="utf-8")


def main():
    settings = options()
    with tempfile.TemporaryDirectory(prefix="keysieve-compare-") as work:
        text = table(*measure(settings, Path(work)), settings.rounds)
    print(text)
    if settings.write:
        write(text)


if __name__ == "__main__":
    main()
