#!/bin/sh
# Print the path of the newest Python from 3.11 to 3.13 that can create a virtual environment.
# Each candidate is run, because the shim of a version manager can exist without a Python.
set -u
best="" best_minor=0 bare=""
for candidate in python3.13 python3.12 python3.11 python3 \
    /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11 /usr/bin/python3 /usr/local/bin/python3; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    minor=$("$path" -c 'import sys; print(sys.version_info[1] if sys.version_info[0] == 3 else 0)' 2>/dev/null) || continue
    [ "$minor" -ge 11 ] && [ "$minor" -le 13 ] || continue
    if ! "$path" -c 'import venv, ensurepip' 2>/dev/null; then
        bare=${bare:-$path}
        continue
    fi
    if [ "$minor" -gt "$best_minor" ]; then best=$path best_minor=$minor; fi
done
if [ -n "$best" ]; then
    echo "$best"
    exit 0
fi
if [ -z "$bare" ]; then
    echo "Missing: Python 3.11, 3.12 or 3.13. On Debian: apt-get install python3 python3-venv" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ "${1:-}" != again ]; then
    echo "Installing python3-venv" >&2
    { apt-get update && apt-get install -y python3-venv; } >/dev/null 2>&1
    exec "$0" again
fi
echo "Missing: python3-venv for $bare. As root: apt-get install python3-venv" >&2
exit 1
