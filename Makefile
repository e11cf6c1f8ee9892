# Two commands need nothing but Debian, make and Python 3.11: `make demo` and `make test`. Each sets up all it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := 1
export UV_LINK_MODE := copy
# Compiled once, not by each program that starts (that took two thirds of its time), and not beside the sources.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/bytecode
UV := .tools/bin/uv
RUN := .venv/bin/

.PHONY: help demo test coverage check bench docs setup servers lock clean

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

# The virtual environment, with exactly the locked versions (hashes checked).
setup: .venv/ready
.venv/ready: requirements.lock pyproject.toml
	@echo "setting up .venv (once)"
	@test -x $(UV) || sh scripts/bootstrap-uv.sh $(PYTHON)
	@test -x .venv/bin/python || $(UV) venv -q --python $(PYTHON) .venv
	@$(UV) pip sync -q --require-hashes requirements.lock
	@$(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch .venv/ready

# Prosody and ejabberd, for the tests that run against real servers. Never started as services.
servers:
	@sh scripts/install-servers.sh

demo: setup  ## one load-dispatch event from the utility to the DERs and back, on this machine
	@$(RUN)janusgrid demo $(DEMO)

test: setup servers check  ## everything: checks, tests, examples, docs with what the tests have proven
	@$(RUN)pytest -n 2 --dist loadgroup --services=build/services.json $(PYTEST)
	@$(MAKE) --no-print-directory docs
	@$(RUN)python -m tests.iec61850.proof build/services.json

coverage: setup servers  ## the tests again, and what they leave out; half as long again as without
	@$(RUN)pytest -n 2 --dist loadgroup --cov --cov-report=term:skip-covered $(PYTEST)

check: setup  ## format, lint, types, import contracts (under a minute)
	@$(RUN)ruff format --check -q .
	@$(RUN)ruff check -q .
	@$(RUN)mypy -p janusgrid
	@$(RUN)lint-imports --no-cache > .import-lint.log || (cat .import-lint.log; exit 1)

bench: setup servers  ## ratios, measured side by side in one run
	@$(RUN)python -m benchmarks $(BENCH)

docs: setup  ## HTML documentation in docs/_build/html, warnings are errors
	@$(RUN)sphinx-build -q -W --keep-going -b html docs docs/_build/html

lock: ## resolve the dependencies anew
	$(UV) lock -q --upgrade
	$(UV) export -q --frozen --no-emit-project --all-groups --all-extras --format requirements.txt --no-header -o requirements.lock

clean:  ## remove everything that the commands made
	rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache build docs/_build docs/_generated run
