# Every target is listed by `make help`. Stamp files in .stamps/ keep `make setup` from working twice.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
UV_VERSION := 0.13.9
# Of the contract tests; each has a chain of its own, on port 18545 and those after it.
WORKERS ?= 2
STAMPS := .stamps
BIN := .venv/bin
BROWNIE := contracts/toolchain/brownie
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
SOURCES := contracts marketplace_api settlement provider_agent tests
SOLIDITY = $(shell find contracts -name '*.sol' -not -path 'contracts/build/*' 2>/dev/null)

.PHONY: help
help: ## list every target
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

# ---- installation

.PHONY: setup
setup: ## install everything into this folder and compile the contracts
	@$(MAKE) --jobs=2 --output-sync=line $(STAMPS)/app $(STAMPS)/chain
	@$(MAKE) $(STAMPS)/compile

$(STAMPS)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo "Python's venv is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/app: requirements/app.txt pyproject.toml | $(STAMPS)/python
	@echo "setup: service environment"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements/app.txt
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/chain: requirements/chain.txt | $(STAMPS)/python
	@echo "setup: Brownie's environment"
	@test -x .venv-chain/bin/python || $(PYTHON) -m venv .venv-chain
	@.venv-chain/bin/python $(PIP_INSTALL) --require-hashes -r requirements/chain.txt
# The compiled modules of the wheel stop on `networks.default` and on stateful tests (TypeError);
# the same modules as Python source are in the wheel beside them.
	@find .venv-chain/lib/python3.*/site-packages/brownie -name '*.so' -delete
	@touch $@

$(STAMPS)/node: requirements/node.txt | $(STAMPS)/app
	@major=$$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/' || true); \
	if ! [ "$${major:-0}" -ge 20 ]; then \
	  echo "setup: Node.js"; $(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements/node.txt; \
	fi
	@touch $@

$(STAMPS)/npm: package.json package-lock.json $(STAMPS)/node
	@echo "setup: Ganache, solc, OpenZeppelin"
	@contracts/toolchain/npm ci --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

# What only fuzzing and mutants need is added to the same tree on first use.
$(STAMPS)/forge: $(STAMPS)/npm
	@echo "setup: Foundry"
	@contracts/toolchain/npm install --include=dev --no-save --ignore-scripts --no-audit --no-fund \
	  --no-update-notifier --loglevel=error
	@touch $@

$(STAMPS)/slither: requirements/slither.txt | $(STAMPS)/python
	@echo "setup: Slither"
	@test -x .venv-slither/bin/python || $(PYTHON) -m venv .venv-slither
	@.venv-slither/bin/python $(PIP_INSTALL) --require-hashes -r requirements/slither.txt
	@touch $@

$(STAMPS)/compile: brownie-config.yaml $(SOLIDITY) contracts/toolchain/solc.cjs $(STAMPS)/npm $(STAMPS)/chain
	@echo "setup: contracts"
	@$(BROWNIE) compile > $(STAMPS)/compile.log 2>&1 || { cat $(STAMPS)/compile.log; exit 1; }
	@touch $@

# ---- running

.PHONY: demo up status down doctor
demo: setup ## the main job, end to end; KEEP=1 leaves everything running and prints the URLs
	@$(BIN)/gpubourse demo $(if $(KEEP),--keep)

up: setup ## start the whole stack on this machine
	@$(BIN)/gpubourse up

status: ## show what runs
	@$(BIN)/gpubourse status

down: ## end everything that up or demo left running
	@$(BIN)/gpubourse down

doctor: ## check this machine and say what is missing
	@$(BIN)/gpubourse doctor

# ---- checking

.PHONY: test lint test-unit test-contracts test-integration test-e2e
test: setup ## lint, then unit, contract, integration and end-to-end tests
	@$(MAKE) lint
	@$(MAKE) test-unit
	@$(MAKE) test-contracts
	@$(MAKE) test-integration
	@$(MAKE) test-e2e

lint: setup ## style, types, import rules, migrations and ABI drift
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m marketplace_api.embedded \
	  bash -c 'alembic="$(BIN)/alembic -c marketplace_api/alembic.ini"; $$alembic upgrade head && $$alembic check'
	$(BIN)/python contracts/scripts/export_abi.py --check

test-unit: setup ## fast tests without servers
	$(BIN)/pytest -m "not gpu and not integration and not e2e"

test-contracts: setup ## Solidity tests with Brownie on Ganache
	$(BROWNIE) test -n $(WORKERS)

test-integration: setup ## tests on real PostgreSQL, Valkey, Celery and Ganache
	$(BIN)/pytest -m "integration and not gpu"

test-e2e: setup ## one order through all ten steps on the whole stack
	$(BIN)/pytest -m "e2e and not gpu"

# ---- measuring

.PHONY: gas fuzz coverage mutants slither
gas: setup ## gas of every row on Ganache; fails on +1 % over the snapshot, UPDATE=1 rewrites it
	@UPDATE=$(UPDATE) PROFILE=$(PROFILE) $(BIN)/python -m tests.gas.measure

fuzz: setup $(STAMPS)/forge ## random calls against the ten rules, and branch coverage; CALLS=, SEED=
	@CALLS=$(CALLS) SEED=$(SEED) $(BIN)/python -m tests.fuzz.campaign

coverage: setup $(STAMPS)/forge ## branches of the contracts that campaign and Foundry tests take
	@$(BIN)/python -m tests.fuzz.coverage

mutants: setup $(STAMPS)/forge ## how many planted bugs the tests find; N=, SEED=, LIST=1 lists all
	@N=$(N) SEED=$(SEED) LIST=$(LIST) $(BIN)/python -m tests.mutation.mutants

slither: setup $(STAMPS)/slither ## static analysis of the contracts
	@root="$(CURDIR)"; . contracts/toolchain/node.sh; .venv-slither/bin/python tests/slither/analyse.py

# ---- changing

.PHONY: fmt abi lock clean
fmt: setup ## format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

abi: setup ## write the contracts' ABI for the bindings
	$(BIN)/python contracts/scripts/export_abi.py

UV_COMPILE := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --no-header --no-emit-index-url
lock: $(STAMPS)/python ## recompile the pinned requirements and package-lock.json; UPGRADE=1 takes newer versions
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && \
	  .venv-lock/bin/python $(PIP_INSTALL) uv==$(UV_VERSION); }
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --extra demo --group dev -o requirements/app.txt pyproject.toml
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --group pyproject.toml:chain -o requirements/chain.txt
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --group pyproject.toml:slither -o requirements/slither.txt
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --group pyproject.toml:node -o requirements/node.txt
	contracts/toolchain/npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved

clean: ## end the stack and remove everything that was installed, built or stored here
	@if [ -x $(BIN)/gpubourse ] && [ -d .gpubourse ]; then $(BIN)/gpubourse down || true; fi
	rm -rf .venv .venv-chain .venv-lock .venv-slither $(STAMPS) tests/fuzz/out tests/fuzz/cache node_modules contracts/build .gpubourse reports
