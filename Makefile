# Two commands do everything on a fresh clone with Python 3.11 or newer: `make run` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
ARGS   ?=
# Most tests wait: for a window, a process, a server.
JOBS   ?= 3
LAGS   ?= 50000
# Of `make fuzz`: for how long each property test runs, and which.
SECONDS ?= 600
FUZZED  ?= tests/test_masking.py tests/test_secret_rules.py tests/sources/logs tests/sources/test_correlation.py

# Kept bytecode: a session is six processes, and without it each compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install claude run healthy lint types docs test test-matrix fuzz bench wheel clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("streamgauge needs Python 3.11 or newer: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"

$(VENV)/.synced: $(UV) pyproject.toml uv.lock
	UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --quiet --frozen --inexact
	@touch $@

install: $(VENV)/.synced ## install the locked dependencies into .venv

claude: install ## also install the real Claude Code (380 MB), which some tests drive; they are skipped without it
	UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --quiet --frozen --inexact --group claude

run: install ## audit the bundled fleet on the embedded server; more options by ARGS="--duration 90s"
	@$(BIN)/python -m orchestrator run $(ARGS); code=$$?; \
	if [ $$code -eq 1 ]; then echo "make run: exit code 1 means findings at or above --fail-on: the audit did its work"; \
	elif [ $$code -ne 0 ]; then exit $$code; fi

healthy: install ## the same fleet without its faults
	$(BIN)/python -m orchestrator run --demo --demo-profile healthy $(ARGS)

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

docs: install ## write the generated documents (rules, schemas, help texts) again
	$(BIN)/python docs/generate.py

test: install lint types ## lint, types, tests
	$(BIN)/pytest -n $(JOBS) --dist loadscope

bench: install ## measure what an audit costs, half an hour; writes benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks; code=$$?; \
	if [ $$code -eq 1 ]; then echo "make bench: a bar was missed; see benchmarks/RESULTS.md"; fi; exit $$code

faults: install ## sessions that are killed at each moment, and a session for each text that gives orders
	$(BIN)/pytest -n $(JOBS) --dist loadscope --faults tests/orchestrator/session/test_resume.py tests/orchestrator/watch/test_killed.py tests/injection

test-matrix: install ## the tests about Redis on all servers of docs/servers.md, which it obtains by itself
	$(BIN)/pytest -n $(JOBS) --dist loadscope -m matrix --servers=all --lag-observations=$(LAGS)

fuzz: install ## property tests about logs and secrets with ever new examples, SECONDS=600 each; others by FUZZED=tests/...
	$(BIN)/pytest -n $(JOBS) --fuzz=$(SECONDS) $(FUZZED)

wheel: install ## build the wheel into dist/
	$(UV) build --quiet --wheel --out-dir dist

clean: ## remove what the targets made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .servers benchmarks/.cache
