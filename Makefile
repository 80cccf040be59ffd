# One verb each, from a clean clone: `make help` lists them. Needed: python3 (3.11 or newer), make, a package index.

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-long crash sim lint bench services lock clean ready-to-run ready-to-develop

# How many events the long story of the crash suite has, and how many a second: make crash EVENTS=500 RATE=20
export EVENTS RATE
# What the crash suite is given besides: make crash CRASH_ARGS="-k replying"; "-m brief" is the part that CI runs.
CRASH_ARGS ?=

# Another interpreter for .venv, a path or a command: make setup PYTHON=python3.12
PYTHON ?=
# What pytest is given besides -q: make test PYTEST_ARGS="tests/unit -k stamp"
PYTEST_ARGS ?= -n 2 --dist loadfile

BIN := .venv/bin

# Hundreds of processes start here: what is compiled, and what pytest makes of the tests, is kept until `make clean`.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

setup: ready-to-develop ## Make .venv with everything that tests and lint need
	@echo "Ready. Next: make run, make test, make lint."

run: ready-to-run ## Start the demo: Gridcall with stand-ins for Slack, PagerDuty and Twilio (Ctrl-C ends it)
	@exec $(BIN)/gridcall serve --demo

demo: ready-to-run ## Play the demo's story by script and check every line of it
	@exec $(BIN)/python -m app.demo

test: ready-to-develop ## Run the tests
	@exec $(BIN)/python -m pytest -q $(PYTEST_ARGS)

test-long: ready-to-develop ## Run the tests that take longest, which `make test` leaves out
	@exec $(BIN)/python -m pytest -q -n 2 -m long

crash: ready-to-develop ## Kill processes, stop servers, fill the disk, and see that nothing accepted is lost
	@exec $(BIN)/python -m pytest -q -m crash tests/crash $(CRASH_ARGS)

lint: ready-to-develop ## Check format, rules, types, the order of imports and the dependency list
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

# One seed with a trace to read: make sim SEED=4127. Many: make sim SEEDS=2000. SIM_ARGS: --first 5001, --processes 4, --shuffled
SEEDS ?= 200
sim: ready-to-develop ## Live through many simulated failures (SEEDS=2000), or replay one (SEED=4127)
	@exec $(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(SIM_ARGS)

bench: ready-to-develop ## Measure, and print the figures with the machine they hold for
	@exec $(BIN)/python -m bench

services: ready-to-develop ## Say which outside services the tests find here
	@$(BIN)/python -m tests.services

# --no-header and the absence of any index option keep addresses and paths out of the locks.
# What is locked already stays where it is; make lock UPGRADE=--upgrade moves everything to the newest.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(UPGRADE)
lock: ready-to-develop ## Write the lock files anew from pyproject.toml
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --extra otel pyproject.toml -o requirements-otel.lock
	$(LOCK) --extra otel --group dev pyproject.toml -o requirements-dev.lock

clean: ## Remove .venv and the caches; what Gridcall wrote into var/ stays
	rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Any Python that can read bootstrap.py will do, it then looks for one that is new enough. The one in .venv goes first:
# it starts fastest, and this runs before every verb.
define bootstrap
@for python in $(BIN)/python "$(PYTHON)" python3 python3.13 python3.12 python3.11; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null; then PYTHON="$(PYTHON)" exec "$$python" -I bootstrap.py $(1); fi; \
done; \
echo "Gridcall needs Python 3.11 or newer, found none: install one, e.g. apt-get install python3.11, or set PYTHON=/path/to/python" >&2; \
exit 1
endef

ready-to-run:
	$(call bootstrap,run)

ready-to-develop:
	$(call bootstrap,dev)
