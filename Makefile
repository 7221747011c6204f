# Everything happens in .venv, which these rules make; nothing else on the machine is touched.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check
LOWEST := build/lowest
# It asks the first `python` of the path where packages are.
PYRIGHT := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m pyright

.DEFAULT_GOAL := help
.PHONY: help demo test lint format test-lowest bench torture docs constraints clean

help: ## say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/runtime.stamp ## run the census of the standard library, and say how to look at the run
	$(RUN) examples/stdlib_census.py
	@printf '\n%s\n' 'The run is recorded. To look at it:'
	@printf '  %s\n' \
		'$(VENV)/bin/sluiceway ui            in the browser: timeline, steps, logs, artifacts' \
		'$(VENV)/bin/sluiceway ls            the runs, newest first' \
		'$(VENV)/bin/sluiceway show NAME     one run: its tasks, states and durations' \
		'$(VENV)/bin/sluiceway logs NAME     what it logged' \
		'make demo                        the same again, this time from the cache'

test: lint test-lowest ## check everything: style, types, layers, the oldest dependencies, and all tests
	$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --max-worker-restart 0

lint: $(VENV)/test.stamp ## check style, types and layers only
	$(RUN) -m ruff check --quiet .
	$(RUN) -m ruff format --quiet --check .
	$(VENV)/bin/lint-imports --no-cache --no-logo
	$(RUN) -m mypy
	$(PYRIGHT)
	$(PYRIGHT) --ignoreexternal --verifytypes sluiceway

format: $(VENV)/test.stamp ## put all code into the one format
	$(RUN) -m ruff check --quiet --fix-only .
	$(RUN) -m ruff format --quiet .

test-lowest: $(LOWEST)/stamp ## check that the oldest dependencies allowed still do
	$(LOWEST)/bin/python -m pytest tests/lower_bounds

bench: $(VENV)/runtime.stamp ## measure the speed table (add PEERS=--peers for the other engines)
	$(RUN) -m benchmarks $(PEERS)

torture: $(VENV)/runtime.stamp ## kill flows a thousand times, and see that they go on as promised
	$(RUN) examples/crash.py --kills 1000

docs: $(VENV)/test.stamp ## write the API reference anew, and run the code of all pages
	$(RUN) scripts/make_reference.py
	$(RUN) -m scripts.make_surface
	$(RUN) -m pytest tests/docs

constraints: ## take the newest versions of everything into constraints.txt
	$(call new-environment,$(VENV))
	$(PIP) --editable '.[dask,otel,ray,remote,test]'
	$(RUN) -m pip freeze --exclude-editable > constraints.txt

clean: ## remove the environment and all that was made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# --- environments: a stamp is written when an installation is complete, and is out of date when what is to be
# installed has changed.

define new-environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "Sluiceway needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
	"name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
$(PYTHON) -m venv --clear $(1)
endef

$(VENV)/created.stamp:
	$(call new-environment,$(VENV))
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/created.stamp pyproject.toml constraints.txt
	$(PIP) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/created.stamp pyproject.toml constraints.txt
	$(PIP) --constraint constraints.txt --editable '.[dask,otel,ray,remote,test]'
	@touch $@ $(VENV)/runtime.stamp

$(LOWEST)/stamp: pyproject.toml tests/lower_bounds/lowest.py
	$(call new-environment,$(LOWEST))
	$(LOWEST)/bin/python tests/lower_bounds/lowest.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint $(LOWEST)/constraints.txt --editable . hypothesis pytest
	@touch $@
