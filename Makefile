# Start with `make run` and `make test`. Each target installs the packages that it needs, except those of production:
# `make install` prepares a release for them.
.DEFAULT_GOAL := help
.PHONY: help run install test test-sqlite test-postgres check check-deployment format audit serve worker migrate bench screenshots docs lock messages sbom phone-hashes release-notes clean

PYTHON := .venv/bin/python
# Every process of a run imports all tests: without compiled files, each would spend five seconds on compiling them.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(PYTHON) -m pytest -q -n 4 --dist loadgroup --no-loadscope-reorder
MANAGE := DJANGO_SETTINGS_MODULE=$${DJANGO_SETTINGS_MODULE:-config.settings.production} $(PYTHON) manage.py

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the demo and the console on PORT (8000); stop with Ctrl-C
	@./scripts/setup.sh production
	@./scripts/build-phone.sh || true
	@exec $(PYTHON) scripts/run.py

# Tests that do not depend on the database run once. The operations of commands, devices and users run on SQLite in tests/api and tests/flows too.
# The deployment has PostgreSQL. The other files of tests/flows below run the demo or an installation with SQLite in any case. The web server of tests/server has no database.
# The files of tests/api below read messages, keys and headers: texts that PostgreSQL could reject run there, the others on SQLite.
ONCE_ON_POSTGRES := $(addprefix --ignore=tests/,architecture bench ciba commands common configuration console devices integrations push schema security sms users) --ignore=tests/flows/test_deployment.py \
    $(patsubst %,--ignore=tests/api/test_%.py,answers any_body refused_messages)
ONCE_ON_SQLITE := $(addprefix --ignore=tests/,clients demo geocontext phone server web_phone) \
    $(patsubst %,--ignore=tests/flows/test_%.py,api_reference operations_document readme reverse_proxies slow_clients) \
    $(patsubst %,--ignore=tests/api/test_%.py,access_log caller_address client_credentials http_surface jose_keys malformed_json metrics public_keys sealed_messages)

test: ## Run all tests, on SQLite with the embedded worker and on PostgreSQL with Celery and Redis
	@./scripts/setup.sh test
	@./scripts/build-phone.sh || true
	@status=0; \
	    echo "Tests on SQLite"; TEST_BACKEND=sqlite $(PYTEST) $(ONCE_ON_POSTGRES) $(ARGS) || status=1; \
	    echo "Tests on PostgreSQL"; TEST_BACKEND=postgres $(PYTEST) $(ONCE_ON_SQLITE) $(ARGS) || status=1; \
	    exit $$status

test-sqlite: ## Run all tests on SQLite
	@./scripts/setup.sh test
	@./scripts/build-phone.sh || true
	@TEST_BACKEND=sqlite $(PYTEST) $(ARGS)

test-postgres: ## Run all tests on PostgreSQL with Celery and Redis
	@./scripts/setup.sh test
	@./scripts/build-phone.sh || true
	@TEST_BACKEND=postgres $(PYTEST) $(ARGS)

check: ## Run all static checks
	@./scripts/setup.sh dev
	@./scripts/setup.sh deployment 2>/dev/null || true
	@./scripts/setup.sh docs
	@PYTHON=$(PYTHON) ./scripts/check.sh

check-deployment: ## Build and run the image, and check units, proxies and alert rules (as root on Debian, some minutes)
	@./scripts/setup.sh test
	@./scripts/check-deployment.sh

format: ## Format the code
	@./scripts/setup.sh dev
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format --quiet .

audit: ## Look up the locked packages in the advisory database
	@./scripts/setup.sh dev
	@$(PYTHON) scripts/audit.py

install: ## Prepare a release: install the packages of production, build the web phone, compile the code
	@umask 022; ./scripts/setup.sh production
	@umask 022; ./scripts/build-phone.sh || true
	@umask 022; $(PYTHON) -m compileall -q manage.py config apps

migrate: ## Migrate the database (production settings)
	@./scripts/setup.sh --verify production
	@$(MANAGE) migrate

serve: ## Serve HTTP on HOST and PORT (production settings)
	@./scripts/setup.sh --verify production
	@exec env $(MANAGE) serve

worker: ## Deliver pushes, text messages and callbacks (production settings)
	@./scripts/setup.sh --verify production
	@exec env $(MANAGE) worker

bench: ## Run the benchmarks on PostgreSQL and Redis (ARGS="--quick" for a short run)
	@./scripts/setup.sh test
	@$(PYTHON) -m bench $(ARGS)

screenshots: ## Save screenshots of console and web phone to docs (requires Chromium)
	@./scripts/setup.sh test
	@./scripts/build-phone.sh || true
	@./scripts/build-phone.sh
	@$(PYTHON) scripts/screenshots.py && $(PYTHON) scripts/phone_screenshots.py

docs: ## Build the site of the documentation in VAR_DIR (var/docs); a broken link or an unlisted page fails
	@./scripts/setup.sh docs
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --clean --site-dir "$${VAR_DIR:-var}/docs"
	@echo "Open $${VAR_DIR:-var}/docs/index.html"

messages: ## Update and compile the message catalogues (requires gettext)
	@./scripts/setup.sh production
	@$(PYTHON) manage.py makemessages --all --no-location --no-obsolete -i var -i tests
	@cd locale && for language in */; do msgfmt -o $${language}LC_MESSAGES/django.mo $${language}LC_MESSAGES/django.po; done

lock: ## Update the locked packages after a change of requirements/*.in
	@./scripts/setup.sh dev
	@for level in base production build node test dev docs deployment uv; do \
	    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	        --no-header --no-annotate requirements/$$level.in -o requirements/$$level.txt; done

sbom: ## Print the software bill of materials (CycloneDX) of the server and the web phone
	@./scripts/setup.sh dev >&2
	@$(PYTHON) scripts/sbom.py

phone-hashes: ## Print the SHA-256 of the files of the web phone, which the release notes carry
	@./scripts/phone-hashes.sh

release-notes: ## Print the changes of this version and the SHA-256 of the files of the web phone
	@./scripts/setup.sh production
	@$(PYTHON) scripts/release_notes.py

clean: ## Remove the virtual environment and all generated files
	@rm -rf .venv var clients/*/node_modules clients/*/dist scripts/openapi/node_modules tests/clients/ciba/node_modules tests/clients/portal/generated/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
