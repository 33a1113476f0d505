#!/usr/bin/env python3
"""The model of language in src/detect/randomness.rs: made, measured and drawn beside Shannon's entropy.

    benches/randomness.py measure            writes docs/randomness.md and docs/randomness.svg
    benches/randomness.py train TEXT... -o language.bin

`measure` reads src/detect/language.bin. Its language is what the repository's own files and Python's library have:
identifiers, words, names, paths. (The table has seen Python's identifiers, and nothing of the repository.) Its random values are
made here, of a seed.
`train` makes such a table of any texts, as the module's documentation says. Standard library only.
"""
import argparse
import bisect
import collections
import math
import pathlib
import random
import re
import sys
import sysconfig

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "src/detect/language.bin"
CLASSES = 5 * 5 * 4
DIGIT, COMMON_MARK, OTHER_MARK, UNIT = 53, 40, 88, 16
LOOKED_AT = 120
RANDOM = -8.0

ALPHABETS = {
    "hexadecimal": "0123456789abcdef",
    "base32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "base36": "abcdefghijklmnopqrstuvwxyz0123456789",
    "base62": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    "base64url": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
}
LENGTHS = [(8, 11), (12, 15), (16, 23), (24, 40)]


def kind(byte):
    c = chr(byte)
    return 1 if "a" <= c <= "z" else 2 if "A" <= c <= "Z" else 3 if "0" <= c <= "9" else 4


def steps(value):
    """Each character as (classes before, class, letters before or None, letter or None)."""
    classes, letters = (0, 0), (0, 0)
    for byte in value:
        now = kind(byte)
        if classes[1] == 1 and now == 2 or now > 2:
            letters = (0, 0)
        if now <= 2:
            letter = (byte | 0x20) - 96
            yield classes, now, letters, letter
            letters = (letters[1], letter)
        else:
            yield classes, now, None, None
        classes = (classes[1], now)


def mark_cost(byte):
    if 48 <= byte <= 57:
        return DIGIT
    return COMMON_MARK if byte in b" _-./:" or byte >= 0x80 else OTHER_MARK


def alphabet(value):
    lower = any(97 <= b <= 122 for b in value)
    upper = any(65 <= b <= 90 for b in value)
    digit = any(48 <= b <= 57 for b in value)
    beyond = any(chr(b).isascii() and chr(b).isalpha() and chr(b).lower() > "f" for b in value)
    marks = {b for b in value if b in b"-_+/=.:|"}
    other = any(b < 128 and not chr(b).isalnum() and b not in b"-_+/=.:|" for b in value)
    if any(b >= 128 for b in value):
        return 256
    if other:
        return 95
    letters = 52 if lower and upper else 0 if not lower and not upper else 6 if digit and not beyond else 26
    return letters + (10 if digit else 0) + len(marks)


def language_bits(table, value):
    """By how many bits language explains the value better than chance: `Randomness::language`."""
    value = value[:LOOKED_AT]
    cost = 0
    for (byte, (classes, now, letters, letter)) in zip(value, steps(value)):
        cost += table[(classes[0] * 5 + classes[1]) * 4 + now - 1]
        cost += mark_cost(byte) if letter is None else table[CLASSES + (letters[0] * 27 + letters[1]) * 26 + letter - 1]
    return math.log2(max(alphabet(value), 10)) * len(value) - cost / UNIT


def entropy(value):
    counts = collections.Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())


# ------------------------------------------------------------------ values
def language_values():
    """Identifiers, names and paths of 8 to 40 characters."""
    files = sorted(ROOT.glob("src/**/*.rs")) + sorted(ROOT.glob("docs/*.md")) + sorted(ROOT.glob("src/platform/**/*.toml"))
    files += sorted(pathlib.Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    words = set()
    for file in files:
        if file.name in ("randomness.rs", "randomness.md"):
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        text = "\n".join(line for line in text.splitlines() if not re.search(r"0x|[0-9a-f]{16}|[A-Za-z0-9+]{32}", line))
        words.update(re.findall(r"[A-Za-z][A-Za-z0-9_./-]{6,38}[A-Za-z0-9]", text))
    # A value without letters or digits in turns may be an abbreviation of anything; what is left is what people wrote.
    return sorted(words)


def random_values(letters, least, most, count, seed):
    rng = random.Random(seed)
    return ["".join(rng.choice(letters) for _ in range(rng.randint(least, most))) for _ in range(count)]


def curve(random_scores, language_scores):
    """(share of language taken for random, share of random values taken for it) at every threshold, ascending."""
    marked = sorted([(s, 1) for s in random_scores] + [(s, 0) for s in language_scores], reverse=True)
    points, hits, false = [(0.0, 0.0)], 0, 0
    for index, (score, is_random) in enumerate(marked):
        hits, false = hits + is_random, false + 1 - is_random
        if index + 1 == len(marked) or marked[index + 1][0] != score:
            points.append((false / len(language_scores), hits / len(random_scores)))
    return points


def at(points, false):
    """The greatest share found with at most so much language taken for random."""
    return points[bisect.bisect_right(points, (false, 2.0)) - 1][1]


def area(points):
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:]))


# ------------------------------------------------------------------ measure
def measure():
    table = TABLE.read_bytes()
    language = [word.encode() for word in language_values()]
    rows, plots = [], []
    for least, most in LENGTHS:
        plain = [w for w in language if least <= len(w) <= most]
        for seed, (name, letters) in enumerate(ALPHABETS.items()):
            values = [v.encode() for v in random_values(letters, least, most, 4000, seed)]
            model = curve([-language_bits(table, v) for v in values], [-language_bits(table, w) for w in plain])
            shannon = curve([entropy(v) for v in values], [entropy(w) for w in plain])
            worse = sum(at(shannon, f / 1000) > at(model, f / 1000) + 1e-9 for f in range(1, 1000))
            found = sum(language_bits(table, v) < RANDOM for v in values) / len(values)
            wrong = sum(language_bits(table, w) < RANDOM for w in plain) / len(plain)
            rows.append((name, least, most, len(plain), found, wrong, at(model, .001), at(shannon, .001),
                         at(model, .01), at(shannon, .01), area(model), area(shannon), worse))
            if (least, most) == LENGTHS[2]:
                plots.append((name, model, shannon))
    (ROOT / "docs/randomness.svg").write_text(drawn(plots))
    (ROOT / "docs/randomness.md").write_text(written(rows))


def written(rows):
    pct = lambda share: "%.1f" % (100 * share)
    lines = [
        "# Randomness against language", "",
        "Made by `python3 benches/randomness.py measure`: random values of a seed against identifiers, names and paths of this",
        "repository, which the table has not seen, and of Python's library, whose identifiers it has. The model",
        "(`src/detect/randomness.rs`, a table of %s bytes) beside Shannon's entropy of a value's characters; all shares in per cent." % format(TABLE.stat().st_size, ","), "",
        "*Found* and *wrong* are at the threshold that the scanner uses. The others compare the two at the same price: how many random",
        "values are found where 0.1 % or 1 % of the language is taken for random. The area under the curve is 1 for a perfect test and",
        "0.5 for a coin. *Worse at*: at how many of 999 prices (0.1 % to 99.9 %) Shannon's entropy finds more.", "",
        "| alphabet | length | words | found | wrong | at 0.1 %: model | entropy | at 1 %: model | entropy | area: model | entropy | worse at |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, least, most, count, found, wrong, m1, s1, m2, s2, am, as_, worse in rows:
        lines.append("| %s | %d to %d | %s | %s | %.2f | %s | %s | %s | %s | %.4f | %.4f | %d |" % (
            name, least, most, format(count, ","), pct(found), 100 * wrong, pct(m1), pct(s1), pct(m2), pct(s2), am, as_, worse))
    lines += ["", "![Random values found, by how much language is taken for random](randomness.svg)", "",
              "Values of 16 to 23 characters; solid the model, dashed Shannon's entropy.", ""]
    return "\n".join(lines)


def drawn(plots):
    """Logarithmic in the price, from 0.1 % to 100 %."""
    wide, high, edge = 640, 400, 50
    place = lambda false, hit: (edge + wide * (math.log10(max(false, .001)) + 3) / 3, edge + high * (1 - hit))
    colours = ["#1b6ca8", "#c0392b", "#27804d", "#8e44ad", "#b9770e"]
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">' % (wide + 2 * edge + 100, high + 2 * edge),
           '<rect width="100%" height="100%" fill="#fff"/>']
    for share in (.001, .01, .1, 1):
        x, _ = place(share, 0)
        out.append('<path d="M%.0f %d V%d" stroke="#ddd"/><text x="%.0f" y="%d" text-anchor="middle">%g %%</text>' % (x, edge, edge + high, x, edge + high + 18, share * 100))
    for hit in (0, .25, .5, .75, 1):
        _, y = place(1, hit)
        out.append('<path d="M%d %.0f H%d" stroke="#ddd"/><text x="%d" y="%.0f" text-anchor="end">%d %%</text>' % (edge, y, edge + wide, edge - 6, y + 4, hit * 100))
    for number, (name, model, shannon) in enumerate(plots):
        colour = colours[number % len(colours)]
        for points, dash in ((model, ""), (shannon, ' stroke-dasharray="5 4"')):
            prices = [10 ** (-3 + step / 40) for step in range(121)]
            way = " ".join("%.1f,%.1f" % place(price, at(points, price)) for price in prices)
            out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="1.8"%s/>' % (way, colour, dash))
        out.append('<text x="%d" y="%d" fill="%s">%s</text>' % (edge + wide + 10, edge + 20 + 18 * number, colour, name))
    out.append('<text x="%d" y="%d" text-anchor="middle">language taken for random</text>' % (edge + wide // 2, high + 2 * edge - 10))
    out.append('<text x="%d" y="30">random values found</text></svg>' % edge)
    return "\n".join(out) + "\n"


# ------------------------------------------------------------------ train
def train(texts, out):
    """Trigrams of classes and of letters, interpolated with bigrams (30 pseudo-counts) and these with single ones (20)."""
    words = collections.Counter()
    for path in texts:
        words.update(re.findall(r"\S+", pathlib.Path(path).read_text(encoding="utf-8", errors="replace")))
    counts = [collections.Counter() for _ in range(6)]
    for word, number in words.items():
        weight = 1 + math.log(number)
        for classes, now, letters, letter in steps(word.encode()):
            for table, key in ((0, (*classes, now)), (1, (classes[1], now)), (2, now)):
                counts[table][key] += weight
            if letter is not None:
                for table, key in ((3, (*letters, letter)), (4, (letters[1], letter)), (5, letter)):
                    counts[table][key] += weight
    table = bytearray()
    for first in range(5):
        for second in range(5):
            table += costs(counts[:3], first, second, range(1, 5))
    for first in range(27):
        for second in range(27):
            table += costs(counts[3:], first, second, range(1, 27))
    pathlib.Path(out).write_bytes(table)


def costs(counts, first, second, symbols):
    three, two, one = counts
    all_three = sum(three[first, second, s] for s in symbols)
    all_two = sum(two[second, s] for s in symbols)
    all_one = sum(one[s] for s in symbols)
    for symbol in symbols:
        single = (one[symbol] + 1) / (all_one + len(symbols))
        pair = (two[second, symbol] + 20 * single) / (all_two + 20)
        share = (three[first, second, symbol] + 30 * pair) / (all_three + 30)
        yield min(255, round(-math.log2(share) * UNIT))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("measure")
    training = commands.add_parser("train")
    training.add_argument("texts", nargs="+")
    training.add_argument("-o", "--output", required=True)
    arguments = parser.parse_args()
    if arguments.command == "measure":
        measure()
    else:
        train(arguments.texts, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
