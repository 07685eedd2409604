#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image: a venv with the grader's packages.
set -euo pipefail
root=${AUTOGRADER_ROOT:-/autograder}

if command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
fi
if ! python3 -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))'; then
    echo "This image has $(python3 --version), and the grader needs 3.10 to 3.12. Choose Ubuntu 22.04 or 24.04." >&2
    exit 1
fi
python3 -m venv "$root/venv"
"$root/venv/bin/pip" install --quiet --no-cache-dir -r "$root/source/requirements.txt"
cd "$root/source"
"$root/venv/bin/python" -m grader checks >/dev/null
echo "The grader is ready."
