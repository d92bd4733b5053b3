#!/bin/sh
# Check what needs programs of Debian that other checks do without: the image and the units. Missing programs are named.
set -u
cd "$(dirname "$0")/.."
status=0
if command -v systemd-analyze >/dev/null; then
    .venv/bin/python scripts/check_units.py || status=1
else
    echo "skipped  units: systemd is not installed"
fi
.venv/bin/python scripts/check_image.py || status=1
exit $status
