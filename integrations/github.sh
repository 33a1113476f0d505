#!/bin/bash
# What the GitHub Action runs: github.sh KEYSIEVE, with PATHS, FAIL_ON, CONFIG and BASE in the environment.
set -euo pipefail

keysieve=$1
sarif="${RUNNER_TEMP:-/tmp}/keysieve.sarif"
echo "sarif=$sarif" >> "${GITHUB_OUTPUT:-/dev/null}"

options=(--fail-on "${FAIL_ON:-medium}" --no-progress --output "sarif=$sarif")
if [ -n "${CONFIG:-}" ]; then
    options+=(--config "$CONFIG")
fi
if [ -n "${PATHS:-}" ]; then
    mapfile -t paths <<< "$PATHS"
    exec "$keysieve" scan "${options[@]}" -- "${paths[@]}"
fi
# A new branch has no commit before it, and a forced push one that is not here: then all of the history is looked at.
if [ -n "${BASE:-}" ] && git cat-file -e "$BASE^{commit}" 2>/dev/null; then
    exec "$keysieve" git "${options[@]}" --history "$BASE..HEAD"
fi
exec "$keysieve" git "${options[@]}" --history
