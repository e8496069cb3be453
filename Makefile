# Two commands do everything: `make demo` and `make test`. Both make their own environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo demo-loop test bench lint clean

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/ready
	@echo '$$ harness check'
	@$(BIN)/harness check
	@echo
	@echo '$$ harness check --no-skips      # the skip list put aside: what an agent would read'
	@$(BIN)/harness check --no-skips; test $$? -eq 1

demo-loop: $(VENV)/ready
	@$(BIN)/python fixtures/night/demo.py

lint: $(VENV)/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest

bench: $(VENV)/ready
	$(BIN)/python tests/bench/runner.py

clean:
	rm -rf $(VENV) .harness
