PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

# The wheel carries its own pyright; without this it asks the network for a newer one.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
# uv trusts what the machine trusts, behind a proxy with a certificate of its own too.
export UV_SYSTEM_CERTS := true

.PHONY: help demo test check format bench mutants soak crash capacity lock clean

help: ## Show this list
	@echo 'make …'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/demo.stamp ## Watch a real job be killed twice, ask you, and finish with nothing repeated
	@echo '==> Running the demo: a skill is written for an installed package; answer its questions, or let it answer itself'
	@$(BIN)/python -m examples.skills.demo $(ARGS)

test: check ## Run every check, then every test
	@echo '==> Running the tests'
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/dev.stamp ## Lint, formatting, types (mypy and pyright), imports between modules
	@echo '==> Checking style with ruff'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo '==> Checking types with mypy'
	@$(BIN)/mypy
	@echo '==> Checking types with pyright'
	@$(BIN)/pyright --project .
	@echo '==> Checking who imports whom'
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/dev.stamp ## Format the code, and mend what can be mended by rule
	@echo '==> Formatting'
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(VENV)/dev.stamp ## Measure, beside a bare sqlite3 loop of the same durability
	@echo '==> Measuring throughput and latency'
	@$(BIN)/python -m bench $(ARGS)

mutants: $(VENV)/dev.stamp ## Plant known faults one by one, and see each caught by its test
	@echo '==> Planting faults'
	@$(BIN)/python -m tests.mutants $(ARGS)

soak: $(VENV)/dev.stamp ## Run 20,000 jobs while the worker is killed 50 times
	@echo '==> Killing workers at random'
	@$(BIN)/python -m tests.soak $(ARGS)

crash: $(VENV)/dev.stamp ## Crash at every commit, and print the table
	@echo '==> Crashing at every commit'
	@$(BIN)/python -m tests.crash $(ARGS)

capacity: $(VENV)/dev.stamp ## Measure what 100,000 jobs cost that wait for people
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

clean: ## Remove the environment, the caches and what was built
	@echo '==> Removing what can be made again'
	@rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
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
