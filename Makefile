PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Files of tests that run at once: most of them wait for processes.
JOBS ?= 3

VENV := .venv
BIN := $(VENV)/bin
# The tools of JavaScript run the servers of their tests with this Python.
NPM := PYTHON=$(CURDIR)/$(BIN)/python npm --no-update-notifier
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

# The wheel carries its own pyright; without this it asks the network for a newer one.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
# Hundreds of processes are started here: each of them would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE
# uv trusts what the machine trusts, behind a proxy with a certificate of its own too.
export UV_SYSTEM_CERTS := true

.PHONY: help demo quickstart packages test test-python test-javascript check check-mypy check-pyright check-javascript check-style format bench mutants soak crash capacity lock clean

help: ## Show this list
	@echo 'make …'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/demo.stamp ## Watch a real job be killed twice, ask you, and finish with nothing repeated
	@echo '==> Running the demo: a skill is written for an installed package; answer its questions, or let it answer itself'
	@$(BIN)/python -m examples.skills.demo $(ARGS)

quickstart: $(VENV)/demo.stamp node_modules/.stamp ## See a question appear in a page: on http://127.0.0.1:8000
	@echo '==> Building the page, and the packages it uses'
	@$(NPM) run page >/dev/null
	@$(BIN)/bide quickstart $(ARGS)

test: check $(VENV)/browser.stamp $(VENV)/pooler.stamp ## Run every check, then every test
	@$(MAKE) --no-print-directory --jobs=2 test-python test-javascript

# Side by side: they wait for the network.
packages:
	@$(MAKE) --no-print-directory --jobs=2 $(VENV)/dev.stamp node_modules/.stamp

# Side by side: the browser's tests wait for pages most of the time.
test-python:
	@echo '==> Running the tests of the Python package'
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-javascript:
	@echo '==> Running the tests of the JavaScript packages, in Node and in a browser'
	@$(NPM) test

check: packages ## Lint, formatting, types, imports between modules, of both languages
	@$(MAKE) --no-print-directory --jobs=2 check-mypy check-pyright check-javascript check-style

# Side by side, those that take longest first.
check-mypy:
	@echo '==> Checking types with mypy'
	@$(BIN)/mypy

check-pyright:
	@echo '==> Checking types with pyright'
	@$(BIN)/pyright --project .

check-javascript:
	@echo '==> Checking the JavaScript packages with biome and tsc, and that their types are those of the server'
	@$(NPM) run build --silent >/dev/null
	@$(NPM) run check --silent
	@$(BIN)/bide types examples.quickstart.blog:bide --out examples/quickstart/page/src/jobs.ts --check

check-style:
	@echo '==> Checking style with ruff'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo '==> Checking who imports whom'
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/dev.stamp node_modules/.stamp ## Format the code, and mend what can be mended by rule
	@echo '==> Formatting'
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
	@$(NPM) run format --silent

bench: $(VENV)/dev.stamp ## Measure, beside bare loops of the same durability and beside other job systems
	@echo '==> Measuring throughput and latency'
	@$(BIN)/python -m bench $(ARGS)

mutants: $(VENV)/dev.stamp ## Plant known faults one by one, and see each caught by its test
	@echo '==> Planting faults'
	@$(BIN)/python -m tests.mutants $(ARGS)

soak: $(VENV)/dev.stamp ## Kill workers at random; with ARGS="--store postgres", restart the database too
	@echo '==> Killing workers, and databases, at random'
	@$(BIN)/python -m tests.soak $(ARGS)

crash: $(VENV)/dev.stamp ## Crash at every commit, and print the table; on one ground with ARGS=sqlite, postgres or pooled
	@echo '==> Crashing at every commit'
	@$(BIN)/python -m tests.crash --whole $(ARGS)

capacity: $(VENV)/dev.stamp ## Measure what jobs cost that wait for people; with ARGS="--store postgres", a million
	@echo '==> Letting jobs wait'
	@$(BIN)/python -m tests.capacity $(ARGS)

# Extras stay in the pins: pip takes `name==1` for no pin of the `name[extra]` that another package asks for, and looks
# for a newer one, which has no hash here.
lock: $(VENV)/created.stamp ## Write the lock files anew; newest versions with ARGS=--upgrade
	@echo '==> Resolving the dependencies'
	@command -v uv >/dev/null || test -x $(BIN)/uv || $(PIP) install --quiet uv
	@PATH="$$PATH:$(BIN)"; compile() { uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --no-config --quiet --custom-compile-command 'make lock' --extra cli --extra models $(ARGS) "$$@"; }; \
		compile --group build --output-file requirements.lock >/dev/null; \
		compile --group dev --constraint requirements.lock --output-file requirements-dev.lock >/dev/null
	@npm install --package-lock-only --ignore-scripts --no-update-notifier --loglevel error
	@node js/lock.mjs

clean: ## Remove the environment, the caches and what was built
	@echo '==> Removing what can be made again'
	@rm -rf $(VENV) node_modules js/*/dist js/browser/shots js/tests/*/node_modules examples/quickstart/page/dist build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/created.stamp:
	@echo '==> Creating the environment in $(VENV)'
	@command -v $(PYTHON) >/dev/null || \
		{ echo 'Bide needs Python 3.11 or newer, and there is no $(PYTHON). Install it, or name one: make PYTHON=python3.13 …' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Bide needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name a newer one: make PYTHON=python3.13 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo '$(PYTHON) cannot create environments. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/demo.stamp: requirements.lock pyproject.toml $(VENV)/created.stamp
	@echo '==> Installing what Bide needs to run, as locked'
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock pyproject.toml $(VENV)/created.stamp
	@echo '==> Installing the tools, and what Bide needs to run, as locked'
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.stamp: package-lock.json package.json js/client/package.json js/react/package.json js/browser/package.json \
		js/tests/react18/package.json examples/quickstart/page/package.json
	@echo '==> Installing the packages for JavaScript, as locked'
	@command -v node >/dev/null && command -v npm >/dev/null || \
		{ echo 'The page and its packages need Node 20.19 or newer, with npm: https://nodejs.org, or on Debian: apt install nodejs npm' >&2; exit 1; }
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || \
		{ echo "The page and its packages need Node 20.19 or newer; node is $$(node --version)." >&2; exit 1; }
	@npm ci --ignore-scripts --no-update-notifier --loglevel error
	@touch $@

# A browser is not a package: where there is none, and this may install one, it does.
$(VENV)/browser.stamp: $(VENV)/created.stamp
	@test -n "$${CHROMIUM:-}" || test -x /usr/bin/chromium || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo '==> Installing Chromium, for the tests of the pages'; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; \
		else \
			echo 'The tests of the pages need Chromium. On Debian: apt install chromium. Elsewhere: CHROMIUM=/path/to/it make test' >&2; exit 1; \
		fi; }
	@touch $@

# Nor is a pooler. Debian has it where only root looks.
$(VENV)/pooler.stamp: $(VENV)/created.stamp
	@test -n "$${PGBOUNCER:-}" || PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo '==> Installing pgbouncer, for the tests of PostgreSQL behind it'; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends pgbouncer >/dev/null; \
		else \
			echo 'The tests of PostgreSQL need pgbouncer. On Debian: apt install pgbouncer; with Homebrew: brew install pgbouncer. Elsewhere: PGBOUNCER=/path/to/it make test' >&2; exit 1; \
		fi; }
	@touch $@
