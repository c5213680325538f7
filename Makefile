# `make help` lists what there is. Needs git, make and Python 3.11 or newer with venv; all else goes into .venv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first Python that is new enough; `make setup PYTHON=/path/to/python` takes another.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
LIBRARIES := .venv/.libraries
READY := .venv/.ready
DEV := .venv/.dev
STREAM := .venv/.stream
COMPILE = CUSTOM_COMPILE_COMMAND="make lock" .venv/lock/bin/pip-compile -q --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

.PHONY: help setup dev demo cluster test check torture fuzz bench generated lock clean \
	check-format check-lint check-types check-imports check-bans check-text check-generated check-coverage check-docs

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## libraries, checked by hash, and the command .venv/bin/guanxi

$(LIBRARIES): requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up .venv with $$($(PYTHON) --version): less than half a minute"
	@rm -rf .venv
	@$(PYTHON) tools/libraries.py .venv requirements.lock
	@touch $@

$(READY): $(LIBRARIES) pyproject.toml
	@$(PYTHON) tools/libraries.py .venv
	@touch $@
	@echo "Ready: $(BIN)/guanxi"

dev: $(DEV) ## setup, and on top of it what tests and checks need

$(DEV): $(READY) requirements-dev.lock
	@echo "Adding what tests and checks need"
	@$(PYTHON) tools/libraries.py .venv requirements-dev.lock
	@touch $@

demo: setup ## a small bank from records to tiers and to whom to call today; DATA=folder takes the public bank data there instead
	@$(BIN)/guanxi demo $(if $(DATA),--data "$(DATA)")

cluster: $(STREAM) ## Kafka and PostgreSQL on this machine, started, and the libraries of the stream
	@$(BIN)/guanxi cluster up

$(STREAM): $(READY) requirements-stream.lock
	@echo "Adding what the stream needs"
	@$(PYTHON) tools/libraries.py .venv requirements-stream.lock
	@touch $@

test: dev ## all tests, on all cores
	@echo "== tests"; $(BIN)/python -m pytest -q -n auto --dist worksteal $(ARGS)

SEEDS ?= 10000
ROUNDS ?= 20

torture: dev ## a machine on which things go wrong: SEEDS=10000 runs, and ROUNDS=20 of processes that are killed
	@$(BIN)/python -m tests.simulation --seeds 0:$(SEEDS) $(ARGS)
	@echo "Random histories against the model bank"; GUANXI_PROOF_TO=$$(($(SEEDS) / 5)) $(BIN)/python -m pytest -q -n auto tests/proof/test_against_model.py
	@echo "One history, ended at each of its calls to the disk"; $(BIN)/python -m tests.simulation --every-call 5 $(ARGS)
	@echo "Kafka, PostgreSQL, workers and a relay, killed and hindered"; $(BIN)/python -m tests.chaos --rounds $(ROUNDS) --beside
	@echo "The same with the relay in the only worker"; $(BIN)/python -m tests.chaos --rounds $$((($(ROUNDS) + 3) / 4)) --workers 1 --relay-inside

# From quick to slow; each must pass.
check: check-format check-lint check-types check-imports check-bans check-text check-generated test check-coverage check-docs ## everything; with -k it goes on after a failure
	@echo "All checks passed."

check-format: dev
	@echo "== format"; $(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check . | tail -20; exit 1; }

check-lint: dev
	@echo "== lint"; $(BIN)/ruff check --quiet .

check-types: dev
	@echo "== types"; $(BIN)/mypy

check-imports: dev
	@echo "== imports"; said=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$said"; exit 1; }

check-bans: dev
	@echo "== bans"; $(BIN)/python -m tools.checks.bans

check-text: dev
	@echo "== text"; $(BIN)/python -m tools.checks.text

RULES := tests/aggregates tests/projections tests/processors/test_past.py tests/processors/test_snapshot.py

# The tests that speak of rules, in one process: nearly every branch of what a bank decides is taken by one of them.
check-coverage: dev
	@echo "== coverage"; said=$$($(BIN)/python -m coverage run -m pytest -q -p no:cacheprovider --hypothesis-seed=0 $(RULES) 2>&1) || { echo "$$said"; exit 1; }
	@$(BIN)/python -m coverage report

check-generated: dev
	@echo "== generated"; $(BIN)/python -m guanxi.generated --check

check-docs: dev
	@echo "== docs"; $(BIN)/python -m tools.checks.docs

generated: setup ## write docs/reference anew from records and commands
	@$(BIN)/python -m guanxi.generated

fuzz: dev ## search for bytes that break a promise: TARGETS="codec …", SECONDS=60 or RUNS= for each; finds are kept
	@$(PYTHON) tools/libraries.py .venv requirements-fuzz.lock
	@$(BIN)/python -m tests.fuzz $(TARGETS) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RUNS),--runs $(RUNS))

bench: setup ## measure; ARGS go to the benchmarks
	@$(BIN)/python -m benchmarks $(ARGS)

lock: ## the locks anew from pyproject.toml
	@$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install -q --disable-pip-version-check pip-tools jgo
	@$(COMPILE) --extra build --extra kafka --extra postgres --extra cluster --extra dev --output-file requirements-dev.lock pyproject.toml
	@$(COMPILE) --extra build --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml
	@$(COMPILE) --extra build --extra kafka --extra postgres --extra cluster --constraint requirements-dev.lock \
		--output-file requirements-stream.lock pyproject.toml
	@$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["fuzz"])' | \
		$(COMPILE) --output-file requirements-fuzz.lock -
	@.venv/lock/bin/python -m infra.cluster.lock

clean: ## remove .venv and caches; logs and data stay
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
