#!/bin/sh
# Build the web phone (clients/web-phone), unless nothing has changed. Node is that of the system from version 20 on,
# otherwise that of a locked Python package, which is installed in .venv.
set -u
cd "$(dirname "$0")/.."
build() {
    python=.venv/bin/python
    [ -x "$python" ] || python=python3
    "$python" scripts/build_phone.py
}
build
code=$?
if [ "$code" = 2 ]; then
    if ! ./scripts/setup.sh node 2>/dev/null; then
        echo "Missing: the web phone at /phone/, because there is no Node 20, and it could not be installed. Everything else works." >&2
        exit 1
    fi
    build
    code=$?
fi
exit "$code"
