# Every target makes what it needs: `make demo` works on a fresh machine with Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
VENV_LOWEST ?= .venv-lowest
PYTEST_ARGS ?= -n auto --dist worksteal

SELECTION := $(if $(SLOW),,-m 'not slow')

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest test-browser check bench bench-strategies bench-sharing bench-tabular-text bench-time clean

help:
	@echo "make demo             search and train on handwritten digits, compare with two baselines"
	@echo "make test [SLOW=1]    the tests; SLOW=1 adds those that train for longer"
	@echo "make test-lowest      the tests on the lowest versions that pyproject.toml declares"
	@echo "make test-browser     the test that uses a report in Chromium, which the extra [browser] brings"
	@echo "make check            lint, format, types, direction of imports"
	@echo "make bench ROW=name   one row of benchmarks/, appended to benchmarks/results/name.csv; without ROW: the list"
	@echo "make bench-strategies ROW=name [STRATEGY=\"evolution predictor\"]  strategies on published tables, and their steps' cost"
	@echo "make bench-time ROW=name      one row that gives each side the same wall-clock; without ROW: the list"
	@echo "make bench-sharing ROW=name   one row on supernets and their networks; without ROW: the list"
	@echo "make bench-tabular-text ROW=name   one row on texts or tables beside scikit-learn; without ROW: the list"

# Without --compile: most modules of TensorFlow are never imported, and Python compiles the others when they are.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-compile --editable '.[test,dev]'
	touch $@

$(VENV_LOWEST)/.installed: pyproject.toml ci/lowest.txt
	$(PYTHON) -m venv $(VENV_LOWEST)
	$(VENV_LOWEST)/bin/python -m pip install --quiet --no-compile --constraint ci/lowest.txt --editable '.[test]'
	touch $@

demo: $(VENV)/.installed
	@TF_CPP_MIN_LOG_LEVEL=2 $(VENV)/bin/python -m autonas_keras demo $(DEMO_ARGS)

test: $(VENV)/.installed
	@$(VENV)/bin/python -m pytest $(PYTEST_ARGS) $(SELECTION)

test-lowest: $(VENV_LOWEST)/.installed
	@$(VENV_LOWEST)/bin/python -m pytest $(PYTEST_ARGS) $(SELECTION)

$(VENV)/.browser: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --no-compile --editable '.[test,browser]'
	touch $@

test-browser: $(VENV)/.browser
	@AUTONAS_BROWSER=1 $(VENV)/bin/python -m pytest tests/reporting/test_page.py -k browser

check: $(VENV)/.installed
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/python -m pytest --quiet tests/test_imports.py

bench: $(VENV)/.installed
	@$(VENV)/bin/python -m benchmarks $(ROW) $(BENCH_ARGS)

bench-strategies: $(VENV)/.installed
	@$(VENV)/bin/python -m benchmarks.strategies $(ROW) $(if $(STRATEGY),--strategies $(STRATEGY)) $(BENCH_ARGS)

bench-sharing: $(VENV)/.installed
	@$(VENV)/bin/python -m benchmarks.sharing $(ROW) $(BENCH_ARGS)

bench-tabular-text: $(VENV)/.installed
	@$(VENV)/bin/python -m benchmarks.tabular_text $(ROW) $(BENCH_ARGS)

bench-time: $(VENV)/.installed
	@$(VENV)/bin/python -m benchmarks.time $(ROW) $(BENCH_ARGS)

clean:
	rm -rf $(VENV) $(VENV_LOWEST) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
