#!/bin/sh
# test-data.sh: extract the public test databases of MaxMind to .venv/test-data, once. They are part of the source
# archive of the package maxminddb. The archive is only unpacked, not built; pip needs setuptools for its metadata.
set -eu
cd "$(dirname "$0")/.."
data=.venv/test-data
if [ -f "$data/GeoIP2-City-Test.mmdb" ]; then
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if .venv/bin/python -m pip download --quiet --disable-pip-version-check --retries 1 --no-deps --no-binary :all: \
    --no-build-isolation --require-hashes --requirement requirements/test-data.txt --dest "$work" &&
    tar -xzf "$work"/maxminddb-*.tar.gz -C "$work" && mkdir -p "$data" &&
    cp "$work"/maxminddb-*/tests/data/test-data/*.mmdb "$data"; then
    exit 0
fi
echo "Missing: the test databases of MaxMind could not be downloaded. The tests that need them are skipped." >&2
