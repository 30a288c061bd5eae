# Two commands do everything on a fresh machine: `make ocr` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# A process a core, each on one thread, and a file's tests in one of them; a process holds a gigabyte.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile
PYTEST := $(BIN)/python -m pytest $(SIDE_BY_SIDE)

.DEFAULT_GOAL := help
.PHONY: help ocr test test-bare test-all test-compat test-neighbours test-pythons test-vllm audit quality check lint types style format docs bench gallery nano-eval system clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

ocr: $(VENV)/.run  ## read the sample page with the built-in checkpoint
	@$(BIN)/got-ocr examples/images/sample_page.png

test: $(VENV)/.dev  ## run the tests
	@$(PYTEST)

test-bare: $(VENV)/.dev  ## run the tests with the machine's fonts, programs and prose hidden, and count the skips
	@$(BIN)/python -m tests.support.bare_machine $(SIDE_BY_SIDE)

test-all: $(VENV)/.dev  ## run the slow tests too: torchrun, Ray
	@$(PYTEST) -m "slow or not slow"

test-compat: $(VENV)/.dev  ## run the core tests on transformers 4.57, 5.16 and the newest
	@$(BIN)/python tests/compat.py

test-neighbours: $(VENV)/.dev  ## run the tests with TRL, docling and Gradio, each in an environment of its own
	@$(BIN)/python -m tests.neighbours.run

test-pythons: $(VENV)/.dev  ## run a selection of the tests on other Pythons (LIGHT=1: without torch)
	@$(BIN)/python tests/pythons.py $(if $(LIGHT),--light)

test-vllm: $(VENV)/.dev  ## run the checks of the vLLM plugin, in environments with vLLM
	@$(BIN)/python tests/vllm_compat.py

audit: $(VENV)/.dev  ## look installed packages up in PyPI's advisories; fails where it can't be asked about one
	@$(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install --quiet pip-audit
	@$(BIN)/pip freeze --exclude-editable >$(VENV)/audit/freeze.txt
	@$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement $(VENV)/audit/freeze.txt

quality: lint types  ## lint and types: what must be silent before a change lands

check: quality

lint: $(VENV)/.dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/mypy

style: $(VENV)/.dev  ## format the code, fix what ruff can fix
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

format: style

docs: $(VENV)/.docs  ## build the documentation, docs/_build/html, offline
	@$(BIN)/python -m docs.draw
	@$(BIN)/python -m sphinx -W --keep-going --quiet docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.dev  ## measure the full model against transformers' port on the same weights
	@$(BIN)/got-ocr bench --output modeling/benchmarks/results
	@$(BIN)/python modeling/benchmarks/load_memory.py
	@$(BIN)/python -m got_ocr.evaluation.benchmarks.scoring

gallery: $(VENV)/.dev  ## draw the gallery of rendered outputs anew
	@$(BIN)/python examples/gallery/make_gallery.py

nano-eval: $(VENV)/.dev  ## character error rates of the built-in checkpoint
	@$(BIN)/python -m got_ocr.nano.evaluate

system:  ## install what Debian offers and some tests and commands use: fonts, a browser, Tesseract (needs root)
	@./.ci/system-packages

clean:
	rm -rf $(VENV) dist build docs/_build .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@echo "Setting up $(VENV) ..." >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing got-ocr ..." >&2
	@$(PIP) --editable .
	@touch $@

$(VENV)/.docs: $(VENV)/.run
	@echo "Installing what the documentation needs ..." >&2
	@$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing what the tests need ..." >&2
	@$(PIP) --editable '.[dev]'
	@$(PIP) --no-deps dashscope  # the genuine vocabulary, for tests; its own requirements are not needed
	@$(PIP) --no-deps olmocr  # its benchmark's checker, beside ours in tests; likewise
	@touch $@
