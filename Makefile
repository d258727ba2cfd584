# Development of Rivven. Needs Python 3.11+ and make, nothing else; `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first usable interpreter; override with `make PYTHON=/path/to/python3.12 test`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$$p"; break; }; done)
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never
# The machine's own certificates: a company's proxy is trusted where the machine trusts it.
export UV_SYSTEM_CERTS := true
export PYTHONDONTWRITEBYTECODE :=
unexport VIRTUAL_ENV PYTHONPATH

.PHONY: help quickstart test unit faults planted check lint types imports drift regenerate coverage fmt bench docs wheels clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.uv/bin/uv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found on PATH." >&2; exit 1; }
	@echo "Installing uv $(UV_VERSION) into .uv (once) ..."
	@"$(PYTHON)" -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.synced: uv.lock pyproject.toml runtime/pyproject.toml generator/pyproject.toml templates/pyproject.toml | $(filter .uv/bin/uv,$(UV))
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found on PATH." >&2; exit 1; }
	@echo "Installing the locked dependencies into $(VENV) ..."
	@"$(UV)" sync --locked --quiet --python "$(PYTHON)"
	@touch $@

quickstart: $(VENV)/.synced  ## scaffold, generate, test and run a connector on this repository's history
	@$(BIN)/python examples/git-commits/quickstart.py

EXAMPLES := $(patsubst examples/%/play.py,example-%,$(wildcard examples/*/play.py))
.PHONY: examples $(EXAMPLES)
examples: $(EXAMPLES)  ## play every example on loopback services (or one: make example-http-to-sqlite)

$(EXAMPLES): example-%: $(VENV)/.synced
	@$(BIN)/python examples/$*/play.py

test: $(VENV)/.synced  ## all tests
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup

unit: $(VENV)/.synced  ## the quick tests only
	@$(BIN)/python -m pytest -q -n 2 -m "not slow"

faults: $(VENV)/.synced  ## the fault experiments at full size, figures into docs/reliability.md
	@RIVVEN_FAULTS=pr $(BIN)/python -m pytest -q -n 2 --dist loadgroup tests/faults

planted: $(VENV)/.synced  ## plant each known bug and see the tests fail, table into docs/reliability.md
	@$(BIN)/python tests/faults/planted_bugs.py

check: lint types imports drift test  ## everything that CI runs

lint: $(VENV)/.synced
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.synced
	@$(BIN)/mypy
	@set -e; for file in tests/*/conftest.py tests/connectors/tables/conftest.py; do $(BIN)/mypy --no-error-summary "$$file"; done

imports: $(VENV)/.synced
	@$(BIN)/lint-imports

drift: $(VENV)/.synced
	@$(BIN)/python tests/drift.py

regenerate: $(VENV)/.synced  ## bring everything that is generated and committed up to date
	@$(BIN)/python -m rivven_generator.schema.editor
	@set -e; for manifest in runtime/src/rivven_connect/connectors/*/connector.yaml; do \
		$(BIN)/rivven generate "$${manifest%/connector.yaml}"; done
	@$(BIN)/python tests/golden/update.py
	@$(BIN)/python docs/build_reference.py
	@$(BIN)/python benchmarks/run.py --page-only

coverage: $(VENV)/.synced  ## all tests, and which lines and branches no test reaches
	@$(BIN)/coverage erase
	@status=0; $(BIN)/coverage run -m pytest -q -n 2 --dist loadgroup || status=$$?; \
		$(BIN)/coverage combine --quiet && $(BIN)/coverage report --skip-covered --skip-empty; \
		exit $$status

fmt: $(VENV)/.synced  ## format and fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.synced  ## benchmarks (ONLY=G1 or scale, PEERS=1 for other tools too), figures into docs/benchmarks.md
	@$(BIN)/python benchmarks/run.py $(if $(ONLY),--only $(ONLY)) $(if $(PEERS),--peers)

docs: $(VENV)/.synced  ## regenerate the reference pages that come from code
	@$(BIN)/python docs/build_reference.py

wheels: $(VENV)/.synced  ## build the three wheels into dist/
	@for p in runtime generator templates; do "$(UV)" build --quiet --wheel --out-dir dist $$p; done

clean:  ## remove what the targets made
	@rm -rf $(VENV) .uv .quickstart .bench-peers build dist .coverage* .*_cache .hypothesis
