# make demo    set up, then run the main job          make test    set up, then run all checks and tests
# make bench   set up, then measure beside peers      make destroy end what `make demo` started
# All of them work from any folder (`make -C path demo`), twice in a row, and offline once installed.

ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
VENV := $(ROOT).venv
BIN := $(VENV)/bin
# A second environment: alibi-detect keeps numpy below 2, and who does not install it shall not notice.
ALIBI := $(ROOT).venv-alibi
ALIBI_TESTS := builtin profiles monitoring sections data features evaluation compiler/test_requirements.py
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 2>/dev/null))
# Byte code halves every process's start; the environment may have switched it off.
unexport PYTHONDONTWRITEBYTECODE
export RAY_USAGE_STATS_ENABLED := 0
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1

# uv installs these 180 packages in a tenth of pip's time; where it cannot (an index that only pip is told of), pip does.
# Named, because a comma within would end the argument.
DEV := $(ROOT)[dev,postgres]
DEV_ALIBI := $(ROOT)[alibi,dev]
define install
$(1)/bin/python -m pip install --quiet --disable-pip-version-check -c $(2) uv
$(1)/bin/uv pip install --quiet --compile-bytecode --python $(1)/bin/python -c $(2) -e "$(3)" \
  || $(1)/bin/python -m pip install --quiet --disable-pip-version-check -c $(2) -e "$(3)"
endef

.PHONY: demo test lint unit unit-alibi bench destroy setup tools clean

setup: $(VENV)/.ready

$(VENV)/.ready: $(ROOT)pyproject.toml $(ROOT)constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(call install,$(VENV),$(ROOT)constraints.txt,$(DEV))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e $(ROOT)plugins/mlconfig-example
	@# LightGBM needs OpenMP's library, which the smallest Linux images lack.
	@$(BIN)/python -c "import lightgbm" 2>/dev/null || { apt-get update -qq && apt-get install -y -qq libgomp1; } \
	  || { echo "LightGBM needs libgomp (Debian: apt-get install libgomp1; macOS: brew install libomp)"; exit 2; }
	touch $@

# What tests look with, and nobody else needs: a checker of /metrics and a browser.
tools: setup
	@# Prometheus' checker of /metrics, for the tests. Taken out of its package, because installing that starts a server.
	@command -v promtool >/dev/null || test -x $(BIN)/promtool || ( cd "$$(mktemp -d)" && apt-get update -qq \
	  && apt-get download -qq prometheus 2>/dev/null && dpkg-deb -x prometheus_*.deb . && mv usr/bin/promtool $(BIN)/ && rm -r "$$PWD" ) \
	  || echo "promtool is missing (Debian: package prometheus); tests that need it are skipped"
	@# A browser, for the tests that look at pages in one.
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } 2>/dev/null \
	  || echo "Chromium is missing (Debian: apt-get install chromium); tests that need a browser are skipped"

$(ALIBI)/.ready: $(ROOT)pyproject.toml $(ROOT)constraints-alibi.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed"; exit 2; }
	$(PYTHON) -m venv $(ALIBI)
	$(call install,$(ALIBI),$(ROOT)constraints-alibi.txt,$(DEV_ALIBI))
	touch $@

demo: setup
	cd $(ROOT) && $(BIN)/mlconfig apply recipes/breast_cancer.yaml

destroy: setup
	cd $(ROOT) && $(BIN)/mlconfig destroy

lint: setup
	cd $(ROOT) && $(BIN)/ruff check .
	cd $(ROOT) && $(BIN)/ruff format --check .
	cd $(ROOT) && $(BIN)/mypy
	cd $(ROOT) && $(BIN)/lint-imports

unit: tools
	cd $(ROOT) && OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

# With alibi-detect and numpy below 2: its detectors, and the rooms that compute, without Ray.
unit-alibi: setup $(ALIBI)/.ready
	cd $(ROOT)tests && OMP_NUM_THREADS=1 $(ALIBI)/bin/python -m pytest -p no:cacheprovider $(ALIBI_TESTS)

test: lint unit unit-alibi

bench: setup
	cd $(ROOT) && $(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(ALIBI)
