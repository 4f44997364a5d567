# smtpgate. `make` alone says what there is.
#
# Needs make, git and Python 3.11 or later; everything else goes into .venv. PYTHON=... and VENV=... choose others.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
# One more than there are processors: tests wait a third of their time, for disks, limits and processes.
JOBS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 1 )))
ARGS ?=

.PHONY: help run demo test check format bench wheel lock clean

help:
	@echo 'make run      start a gateway to try on 127.0.0.1:2525; everything it keeps is under var/'
	@echo 'make demo     watch a scripted conversation, 20 seconds, nothing is left behind'
	@echo 'make test     all tests (ARGS="tests/unit -k numbers" for some)'
	@echo 'make check    format, lint, types and all tests: what a change must pass'
	@echo 'make format   put the source in order'
	@echo 'make bench    measure this machine'
	@echo 'make wheel    build dist/smtpgate-*.whl'
	@echo 'make lock     renew requirements*.txt from pyproject.toml'

run: $(VENV)/installed
	@exec $(BIN)/smtpgate serve --try $(ARGS)

demo: $(VENV)/installed
	@$(BIN)/smtpgate demo $(ARGS)

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadgroup $(ARGS)

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks $(ARGS)

wheel: $(VENV)/installed-dev
	$(BIN)/python -m build --wheel --no-isolation

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 or later found. Name one: make run PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo 'Could not make a virtual environment; on Debian: apt install python3-venv' >&2; exit 1; }

$(VENV)/installed: requirements.txt pyproject.toml | $(BIN)/python
	@echo 'Installing the pinned dependencies into $(VENV) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@echo 'Installing the tools for tests and checks into $(VENV) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# Hashes, no addresses of registries, one file for every Python from 3.11 on.
LOCK := UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --python $(BIN)/python \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml
lock: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@{ echo '# Every dependency of smtpgate, pinned with hashes. Made by "make lock" from pyproject.toml; holds for Python 3.11 and later.'; \
	   $(LOCK); } > requirements.tmp
	@{ echo '# As requirements.txt, with the tools for tests and checks. Made by "make lock".'; \
	   $(LOCK) --extra dev --constraint requirements.tmp; } > requirements-dev.tmp
	@mv requirements.tmp requirements.txt && mv requirements-dev.tmp requirements-dev.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
