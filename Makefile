# make demo   sets everything up, trains on drawn street scenes, writes runs/demo/report.html
# make test   sets everything up, runs the tests
PYTHON ?= python3

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: demo test lock

python := .venv/bin/python
installed := .venv/installed

# The lock file holds the exact versions; the stamp is written last, so a broken installation is tried again.
$(installed): requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: $$($(PYTHON) --version) found; Python 3.11, 3.12 or 3.13 is needed: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(python) -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(python) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

test: $(installed)
	$(python) -m pytest $(TEST)

# Resolves the exact versions anew, for every Python of setup.cfg (needs uv). The constraint: newer
# releases of that package declare that they are not for Python 3.11, which uv does not read.
lock:
	uv pip compile setup.cfg --extra test --universal --python-version 3.11 --no-annotate --upgrade \
	  --constraint <(echo 'backports-strenum<1.3') --custom-compile-command 'make lock' \
	  --output-file requirements.lock
