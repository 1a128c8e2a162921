# Each target sets up its own .venv on first use. Another Python: make test PYTHON=python3.12
PYTHON ?= python3
# More for pytest: make test ARGS="-k onnx"
ARGS ?=
# Which emulated boards: pi4, pi5, or the 32-bit pi2; bookworm or trixie. docs/arm.md
PI ?= all
SUITE ?= all
BIN := .venv/bin
INSTALLED := .venv/installed
# A checkout must not read a pip that belongs to another environment.
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow test-arm check types wheel wheels locks audit format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## the whole path on a real dataset: train, export, verify, run, bench, report
	$(BIN)/edgetl demo

test: $(INSTALLED) ## all tests but the slow ones
	$(BIN)/python -m pytest $(ARGS)

test-slow: $(INSTALLED) ## the slow tests
	$(BIN)/python -m pytest -m slow $(ARGS)

test-arm: $(INSTALLED) ## edgetl on emulated boards: PI=pi4 or pi5, SUITE=bookworm or trixie, default all four
	PYTHONPATH=tests:release $(BIN)/python -m arm --pi $(PI) --suite $(SUITE) $(ARGS)

check: $(INSTALLED) types ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy does not follow the editable install's mapping of converters/ to edgetl.converters, so it looks at
# an installed copy. A leftover build/lib would put deleted modules into it.
types: $(INSTALLED) ## mypy, strict
	@rm -rf build
	@$(PIP) install --quiet --no-deps --no-build-isolation --target build/types .
	cd build/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache -p edgetl
	cd build/types && MYPYPATH=../../benchmarks/peers:../../release:../../tests ../../$(BIN)/mypy --explicit-package-bases --follow-imports silent \
	  --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache ../../benchmarks/peers ../../release

wheel: wheels

# The same sources give the same bytes: docs/supply-chain.md
wheels: $(INSTALLED) ## dist/: edgetl, edgetl-runtime, the half of it that a board needs, bill of materials, hashes
	@rm -rf dist
	$(BIN)/python release/build_wheel.py dist
	$(BIN)/python -c 'import pathlib; from edgetl.remote.runtime_wheel import write_wheel; \
	  print(write_wheel(pathlib.Path("dist")))'
	$(BIN)/python release/package_sbom.py dist/edgetl-[0-9]*.whl
	cd dist && sha256sum -- * > SHA256SUMS

locks: $(INSTALLED) ## locks/: which wheels a board gets, each with its hash; needs the package index
	$(BIN)/python release/lock_device.py

audit: $(INSTALLED) ## known vulnerabilities of what is released; needs a vulnerability service
	$(BIN)/python release/audit.py $(ARGS)

format: $(INSTALLED) ## put the code into its one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove .venv and everything else that make wrote
	rm -rf .venv build dist edgetl.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml setup.cfg constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || { \
	  echo "training needs Python 3.10 to 3.13; $(PYTHON) is not one of them: name one, as in" \
	    "make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { \
	  echo "$(PYTHON) cannot make a virtual environment: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	@echo "installing edgetl and what training needs into .venv: once, some minutes, 2.5 GB" >&2
	@$(PIP) install --quiet -c constraints.txt -e '.[train,demo,dev]'
	@touch $@
