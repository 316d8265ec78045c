# make demo   sets everything up, trains on synthetic street scenes, writes runs/demo/report.html
# make test   sets everything up, runs the tests
# make browser       installs LiteRT.js for the page of experiments.serve (needs npm)
# make test-browser  runs the tests of that page in Chromium
# make device        installs only what runs exported files, without TensorFlow, into .venv-device
# make test-device   runs the tests of that installation
# make lint   checks format, style and types; make format mends the format
#
# The demo on real frames:  make demo DATASET=camvid DATA_DIR=folder OUT=runs/camvid
# The whole recipe:         make demo ... EPOCHS=60
PYTHON ?= python3
DATASET ?= streets
DATA_DIR ?= data/$(DATASET)$(if $(filter streets,$(DATASET)),/drawn)
OUT ?= runs/demo
MODEL ?= cn14
RECIPE ?= short
EPOCHS ?= 6
SEED ?= 0

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: demo test device test-device browser test-browser lint format lock

python := .venv/bin/python
# A value as one word of the shell, whatever it holds.
quoted = '$(subst ','\'',$(1))'
out := $(call quoted,$(OUT))
data := --dataset=$(call quoted,$(DATASET)) --data_dir=$(call quoted,$(DATA_DIR))
installed := .venv/installed

# The lock file holds the exact versions; the stamp is written last, so a broken installation is tried again.
$(installed): requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: $$($(PYTHON) --version) found; Python 3.11, 3.12 or 3.13 is needed: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(python) -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(python) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

device: .venv-device/installed

.venv-device/installed: requirements-device.lock setup.cfg pyproject.toml
	$(PYTHON) -m venv --clear .venv-device
	.venv-device/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-device.lock
	.venv-device/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Every step resumes what an earlier call left, so an interrupted demo is resumed by the same command.
demo: $(installed)
ifeq ($(DATASET),streets)
	$(python) -m data.streets.generate --output_dir=$(call quoted,$(DATA_DIR))
endif
	$(python) -m experiments.train $(data) --output_dir=$(out) \
	  --model=$(call quoted,$(MODEL)) --recipe=$(RECIPE) --epochs=$(EPOCHS) --seed=$(SEED) --resume
	$(python) -m experiments.evaluate --checkpoint=$(out) --output_dir=$(out) --confidence
	$(python) -m experiments.export --checkpoint=$(out) --output_dir=$(out)
	$(python) -m experiments.predict --checkpoint=$(call quoted,$(OUT)/export/model.tflite) --output_dir=$(out)
	$(python) -m experiments.report --output_dir=$(out)

# Two processes: TensorFlow's own threads leave a second core idle while it builds networks.
test: $(installed)
	$(python) -m pytest --numprocesses 2 $(TEST)

# The constraint: pytest in the version of the other tests.
test-device: device
	.venv-device/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock pytest
	.venv-device/bin/python -m pytest tests/device

litert_js := browser/node_modules/.package-lock.json

browser: $(litert_js)

$(litert_js): browser/package.json browser/package-lock.json
	@command -v npm > /dev/null || { echo "error: npm is not installed; it comes with Node.js" >&2; exit 1; }
	cd browser && npm ci --silent
	@touch $@

# Playwright is not in the lock file: these tests alone need it. The browser is the machine's own Chromium or Chrome.
test-browser: $(installed) browser
	$(python) -m pip install --quiet --disable-pip-version-check playwright==1.65.2
	$(python) -m pytest tests/browser -rs

lint: $(installed)
	$(python) -m ruff format --check --quiet .
	$(python) -m ruff check --quiet .
	$(python) -m mypy

format: $(installed)
	$(python) -m ruff check --fix --exit-zero --quiet .
	$(python) -m ruff format --quiet .

# Resolves the exact versions anew, for every Python of setup.cfg (needs uv). The constraints: newer releases of
# these packages declare that they are not for the Pythons here, which uv does not read.
lock:
	uv pip compile setup.cfg --extra train --extra test --universal --python-version 3.11 --no-annotate --upgrade \
	  --constraint <(printf 'backports-strenum<1.3\ntyping<3.10\n') --custom-compile-command 'make lock' \
	  --output-file requirements.lock
	uv pip compile setup.cfg --universal --python-version 3.11 --no-annotate --constraint requirements.lock \
	  --custom-compile-command 'make lock' --output-file requirements-device.lock
