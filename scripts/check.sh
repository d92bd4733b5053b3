#!/bin/sh
# Run all checks and print the failed ones. The exit code is 1 if a check failed.
set -u
cd "$(dirname "$0")/.."
export DJANGO_SETTINGS_MODULE=config.settings.test VAR_DIR="${VAR_DIR:-$(mktemp -d)}"
bin=.venv/bin
failed=""
check() {
    name=$1
    shift
    output=$("$@" 2>&1)
    code=$?
    if [ "$code" = 0 ]; then
        echo "ok      $name"
    elif [ "$code" = 77 ]; then
        echo "skipped $name: $output"
    else
        echo "FAILED  $name"
        echo "$output" | tail -60
        failed="$failed $name,"
    fi
}
check "code style (ruff)" $bin/ruff check --quiet .
check "format (ruff)" $bin/ruff format --check --quiet .
check "layers (import-linter)" $bin/lint-imports --no-cache
check "types (mypy)" $bin/mypy
check "Django's own checks" $bin/python manage.py check --fail-level WARNING
check "migrations" $bin/python manage.py makemigrations --check --dry-run
check "names of migrations" sh -c '! ls apps/*/migrations/*_auto_*.py 2>/dev/null'
check "catalogue of texts" ./scripts/check-messages.sh
check "OpenAPI description" $bin/python manage.py spectacular --validate --fail-on-warn --file /dev/null
check "types of clients/portal-python (mypy)" sh -c "cd clients/portal-python && $PWD/$bin/mypy"
check "OpenAPI description (Redocly, Spectral)" $bin/python scripts/lint_openapi.py
check "types of clients/typescript (tsc)" $bin/python scripts/typescript.py types
check "code style of clients/typescript (ESLint)" $bin/python scripts/typescript.py lint
check "types of clients/portal-typescript (tsc)" $bin/python scripts/typescript.py types portal-typescript
check "code style of clients/portal-typescript (ESLint)" $bin/python scripts/typescript.py lint portal-typescript
check "types of examples (mypy)" sh -c "cd examples/agent-python && $PWD/$bin/mypy --strict --config-file= agent.py receipt.py"
check "types of examples (tsc)" $bin/python scripts/typescript.py types ../tests/clients/ciba
check "types of clients/web-phone (tsc)" $bin/python scripts/typescript.py types web-phone
check "code style of clients/web-phone (ESLint)" $bin/python scripts/typescript.py lint web-phone
check "site of the documentation (MkDocs)" env NO_MKDOCS_2_WARNING=1 $bin/python -m mkdocs build --site-dir "$VAR_DIR/docs"
check "words" $bin/python scripts/check_words.py
check "shell scripts" sh -c 'for script in scripts/*.sh .ci/run deploy/systemd/countersign; do sh -n "$script" || exit 1; done'
check "software bill of materials" $bin/python scripts/sbom.py --check
check "Helm chart" $bin/python scripts/check_chart.py
check "alert rules (promtool)" ./scripts/check-alerts.sh
check "dependency audit" $bin/python scripts/audit.py
if [ -n "$failed" ]; then
    echo "Failed:${failed%,}" >&2
    exit 1
fi
