#!/bin/sh
# Print the SHA-256 of each file of the web phone, in the format of sha256sum. Releases publish these lines.
set -eu
cd "$(dirname "$0")/.."
./scripts/build-phone.sh >&2
cd clients/web-phone/dist
find . -type f ! -name '.*' | sed 's|^\./||' | LC_ALL=C sort | while read -r name; do sha256sum "$name"; done
