# Everything a user runs; `make help` lists it. Needs Python 3.11 to 3.13 and make, nothing else.
.DEFAULT_GOAL := help
.PHONY: help install run test check prove prove-long bench lock clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/installed: requirements.lock requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found; name one with make PYTHON=..."; exit 1; }
	@echo "installing into .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

install: .venv/installed ## create .venv from the hash-pinned lock

run: .venv/installed ## start everything, trade the sample's 2012, stay up until Ctrl-C (EXIT=1: leave when done)
	@$(BIN)/trading run $(if $(EXIT),--exit)

check: .venv/installed ## formatting, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

test: check ## every check and every test, the same as CI
	@$(BIN)/python -m pytest -n 2 --ignore=tests/proof --ignore=tests/system
	@$(BIN)/python -m pytest tests/proof tests/system

prove: .venv/installed ## prove what docs/GUARANTEES.md promises (about 12 minutes)
	@$(BIN)/python -m tests.proof --form full --report docs/GUARANTEES.md

prove-long: .venv/installed ## the same with ten times as many kills, power cuts and an hour of work
	@$(BIN)/python -m tests.proof --form long --report docs/GUARANTEES.md

bench: .venv/installed ## measure speed and memory, and print the ratios
	@$(BIN)/python -m tests.benchmarks

lock: ## resolve the dependencies anew
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean: ## remove .venv (state in .trading stays)
	@rm -rf .venv
