# Everything here runs in .venv, which `make demo` or `make test` creates on the first call.
# Another interpreter: `make demo PYTHON=python3.12` (for an existing .venv, `make clean` first).

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= python3
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# What is imported is compiled to bytecode once, and kept.
unexport PYTHONDONTWRITEBYTECODE

# Each stamp says "this finished, with the pyproject.toml of that time". An install removes both install stamps
# before it starts, so one that was interrupted is done again by the next call.
VENV_STAMP := $(VENV)/.stamp-venv
RUN_STAMP := $(VENV)/.stamp-run
DEV_STAMP := $(VENV)/.stamp-dev

.PHONY: help demo test lint style format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN_STAMP) ## Install the package into .venv and run its demo
	@$(BIN)/gnn-dml demo

# mypy needs one core for a minute; what it says comes after the tests.
test: style ## All checks: ruff, mypy, pytest (PYTEST_ARGS="..." is passed on)
	@echo "== pytest, and mypy beside it"
	@$(BIN)/mypy > $(VENV)/mypy.txt 2>&1 & \
	types=$$!; trap 'kill $$types 2>/dev/null || true' EXIT; code=0; \
	$(BIN)/python -m pytest $(PYTEST_ARGS) || code=$$?; \
	wait $$types || code=1; echo "== mypy"; cat $(VENV)/mypy.txt; exit $$code

lint: style ## ruff check, ruff format --check, mypy
	@echo "== mypy"
	@$(BIN)/mypy

style: $(DEV_STAMP)
	@echo "== ruff check"
	@$(BIN)/ruff check .
	@echo "== ruff format --check"
	@$(BIN)/ruff format --check .

format: $(DEV_STAMP) ## Rewrite the files the way `make lint` wants them
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## Remove .venv and the caches; results and data stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find $(wildcard gnn_dml tests benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +

# An existing .venv is kept if it works (Python new enough, pip there); what is left of an interrupted creation is not.
$(VENV_STAMP):
	@new_enough='import sys; sys.exit(sys.version_info < (3, 10))'; \
	if [ -x $(BIN)/python ] && $(BIN)/python -c "$$new_enough" 2>/dev/null && $(PIP) --version >/dev/null 2>&1; then \
		echo "Using the virtual environment in $(VENV)"; \
	else \
		command -v "$(PYTHON)" >/dev/null || { \
			echo "$(PYTHON) was not found. Install Python 3.10 or newer, or name one: make PYTHON=python3.12" >&2; \
			exit 1; }; \
		"$(PYTHON)" -c "$$new_enough" || { \
			echo "$(PYTHON) is $$("$(PYTHON)" --version 2>&1), and 3.10 or newer is needed." \
				"Name another one: make PYTHON=python3.12" >&2; \
			exit 1; }; \
		echo "Creating $(VENV) with $$("$(PYTHON)" --version 2>&1)"; \
		"$(PYTHON)" -m venv --clear $(VENV); \
	fi
	@touch $@

$(RUN_STAMP): $(VENV_STAMP) pyproject.toml
	@rm -f $(RUN_STAMP) $(DEV_STAMP)
	@echo "Installing into $(VENV) (PyTorch is large: a few minutes the first time)"
	@$(BIN)/python .ci/install.py -e .
	@touch $@

$(DEV_STAMP): $(VENV_STAMP) pyproject.toml
	@rm -f $(RUN_STAMP) $(DEV_STAMP)
	@echo "Installing into $(VENV) with the development tools (PyTorch is large: a few minutes the first time)"
	@$(BIN)/python .ci/install.py -e '.[dev]'
	@touch $(RUN_STAMP) $@
