#!/bin/sh
# setup.sh LEVEL: install the locked packages of requirements/LEVEL.txt in .venv, unless they are installed already.
# setup.sh --verify LEVEL: install nothing, and exit with 1 if they are not installed.
set -eu
verify=""
if [ "$1" = --verify ]; then
    verify=yes
    shift
fi
level=$1
cd "$(dirname "$0")/.."
wanted="$(cksum <"requirements/$level.txt") $(pwd)"
stamp=.venv/.installed-$level
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
    [ "$level" != test ] || ./scripts/test-data.sh
    exit 0
fi
if [ "$verify" ]; then
    echo "Not installed: the packages of this release. Run \`make install\`." >&2
    exit 1
fi
if ! .venv/bin/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    python=$(./scripts/python.sh)
    echo "Creating .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi
echo "Installing the packages of requirements/$level.txt"
# Compiled packages save 50 MB of memory and a second at each start where Python cannot write compiled files.
# uv is ten times faster. Without it, or if it cannot use the configured package index, pip installs the packages.
quiet="--quiet --disable-pip-version-check"
if .venv/bin/python -m pip install $quiet --require-hashes -r requirements/uv.txt 2>/dev/null &&
    .venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r "requirements/$level.txt" 2>/dev/null; then
    :
elif ! .venv/bin/python -m pip install $quiet --require-hashes -r "requirements/$level.txt"; then
    echo "Missing: the packages could not be installed. Check that a package index is reachable (pip config, PIP_INDEX_URL)." >&2
    exit 1
fi
echo "$wanted" >"$stamp"
[ "$level" != test ] || ./scripts/test-data.sh
