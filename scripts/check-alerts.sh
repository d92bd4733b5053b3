#!/bin/sh
# Check the alert rules of Prometheus and run their tests. Exits with 77 if promtool is not installed.
set -eu
cd "$(dirname "$0")/../deploy/prometheus"
command -v promtool >/dev/null || { echo "promtool is not installed (Debian: prometheus)"; exit 77; }
promtool check rules alerts.yml
promtool test rules alerts_test.yml
