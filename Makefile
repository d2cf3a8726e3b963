# One command per chore. `make run` and `make test` need python3.11+, a C++20 compiler and PyPI.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NATIVE := $(shell find core_ext -type f)
PLUGINS := $(wildcard plugins/*/pyproject.toml)
CTEST_DIR := build/native
JOBS ?= 2

.PHONY: install run test check native bench nightly clean native-test

install: $(STAMP)

$(VENV)/.tools: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check "scikit-build-core>=1.0" "nanobind>=3.0" "ninja>=1.11" "cmake>=3.20"
	touch $@

$(STAMP): $(VENV)/.tools $(NATIVE) $(PLUGINS) pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -e ".[dev]"
	for plugin in $(dir $(PLUGINS)); do $(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e $$plugin || exit 1; done
	touch $@

check: install
	$(BIN)/ruff format --check gateway plugins tests
	$(BIN)/ruff check gateway plugins tests
	$(BIN)/mypy gateway

native-test: install
	$(BIN)/cmake -S core_ext -B $(CTEST_DIR) -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DGATEWAY_TESTS=ON > /dev/null
	$(BIN)/cmake --build $(CTEST_DIR) -j $(JOBS)
	$(BIN)/ctest --test-dir $(CTEST_DIR) --output-on-failure -j $(JOBS)

test: install check native-test
	$(BIN)/python -m pytest -q

clean:
	rm -rf build dist $(VENV)
