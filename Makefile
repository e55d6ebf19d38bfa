# Every target sets itself up. On a fresh machine: Python 3.11 to 3.13, git and make are enough.
#   make test PYTHON=python3.12   uses that interpreter for the environment
#   make test PY=/path/python     uses that environment as it is, and sets nothing up
#   make test ARGS='-k lease'     passes ARGS to pytest
.DEFAULT_GOAL := help
.PHONY: help demo test check format prove soak mutations bench lock clean setup-run setup-dev audit

VENV ?= .venv
# Three side by side on two cores: tests wait for processes, servers and browsers half of their time.
WORKERS ?= 3
ifdef PY
export PYTHONPATH := src
setup-run setup-dev: ;
else
PY := $(VENV)/bin/python
export VENV PYTHON
setup-run: ; @scripts/set-up run
setup-dev: ; @scripts/set-up dev
endif
export PY WORKERS MORE
BIN := $(dir $(PY))

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: setup-run ## run the main job: a real batch with failures and a lost worker, healed before your eyes
	@$(BIN)leasehold demo $(ARGS)

test: setup-dev ## run the tests; core/ must be covered to the last branch
	$(if $(ARGS),,@scripts/cover-core)
	$(PY) -m pytest -n $(WORKERS) --dist worksteal $(if $(ARGS),$(ARGS),--ignore=tests/core)

check: setup-dev ## lint, format, types, import contracts, migrations
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m basedpyright --pythonpath $(PY)
	$(BIN)lint-imports --no-cache --no-logo
	@scripts/check-migrations

audit: setup-dev ## look up the locked packages in the database of known vulnerabilities, where it can be reached
	@PYTHON=$(PY) scripts/audit-deps

format: setup-dev ## put the code in its format, and mend what can be mended
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

prove: setup-dev ## search for counterexamples: properties, explored worlds, simulated roads
	@scripts/prove $(ARGS)

soak: setup-dev ## real processes on real servers, killed, cut off and crashed at random; then an independent checker
	$(PY) -m tests.soak $(ARGS)

mutations: setup-dev ## break the rules of core/ one at a time, and show that the tests notice each (long)
	$(PY) -m scripts.mutations $(ARGS)

bench: setup-dev ## run every benchmark; each prints a table and JSON
	@scripts/bench $(ARGS)

lock: ## write the lock files anew (needs uv)
	@scripts/lock $(ARGS)

clean: ## remove what was made, the environment too
	rm -rf .venv build dist .coverage .hypothesis .ruff_cache .pytest_cache .import_linter_cache .prove
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
