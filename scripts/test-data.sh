#!/bin/sh
# test-data.sh: brings MaxMind's public test databases to .venv/test-data, once. They lie in the source archive of the
# package maxminddb, which is only unpacked: pip asks setuptools for the archive's name and version and builds nothing.
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
echo "Missing: MaxMind's test databases could not be fetched; the tests that read them are skipped and say so" >&2
