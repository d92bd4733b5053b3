#!/bin/sh
# Check that the catalogues in locale/ contain exactly the texts of the code and are compiled.
set -eu
if ! command -v xgettext >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get update && apt-get install -y gettext; } >/dev/null 2>&1 || true
    fi
    command -v xgettext >/dev/null || { echo "Missing: gettext. As root: apt-get install gettext"; exit 1; }
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
tar -cf - --exclude=./.venv --exclude=./var --exclude=./.git . | tar -xf - -C "$copy"
.venv/bin/python -c 'import sys' && python="$PWD/.venv/bin/python"
(cd "$copy" && "$python" manage.py makemessages --all --no-location --no-obsolete -i var -i tests >/dev/null)
for catalogue in locale/*/LC_MESSAGES/*.po; do
    grep -v '^"POT-Creation-Date' "$catalogue" >"$copy/before"
    grep -v '^"POT-Creation-Date' "$copy/$catalogue" >"$copy/after"
    if ! diff -u "$copy/before" "$copy/after"; then
        echo "$catalogue is outdated: run make messages"
        exit 1
    fi
    msgfmt --check --check-format -o "$copy/compiled" "$catalogue"
    msgunfmt "$copy/compiled" >"$copy/before"
    msgunfmt "${catalogue%.po}.mo" >"$copy/after"
    if ! cmp -s "$copy/before" "$copy/after"; then
        echo "${catalogue%.po}.mo is outdated: run make messages"
        exit 1
    fi
done
