# One command per chore. `make run` and `make test` need Linux, Python 3.11+, a C++20 compiler, PyPI.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NATIVE := $(shell find core_ext -type f)
PLUGINS := $(dir $(wildcard plugins/*/pyproject.toml))
PYTHON_FOLDERS := $(wildcard gateway plugins tests benchmarks)
CTEST_DIR := build/native
CORES := $(shell nproc 2> /dev/null || echo 2)
# One job a core, at most four: a compiler takes memory too.
JOBS ?= $(shell expr $(CORES) \< 4 > /dev/null && echo $(CORES) || echo 4)
# Tests wait more than they compute: two workers a core, at most eight. Each begins with a part of
# the list as it stands, so that what a module shares is made once, and takes from the others at last.
WORKERS ?= $(shell expr $(CORES) \< 4 > /dev/null && expr 2 \* $(CORES) || echo 8)
SPREAD := -n $(WORKERS) --dist worksteal
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
# pytest ends with 5 when a selection is empty; an empty selection is no failure.
PYTEST := $(BIN)/python -m pytest -q
ALLOW_EMPTY := || test $$? -eq 5

# Hundreds of programs are started: each would compile the gateway's modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: debian-packages clang-packages install run test format check native-test python-test crash-test \
  native sanitizers fuzz libfuzzer bench nightly searches docs clean

install: $(STAMP)

$(VENV)/.tools: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@command -v $${CXX:-c++} > /dev/null \
	  || { echo "A C++20 compiler is needed (gcc 12 is tested); set CXX." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing build tools"
	@$(PIP) "setuptools>=70.1" "scikit-build-core>=1.0" "nanobind>=3.0" "ninja>=1.11" "cmake>=3.20"
	@touch $@

$(STAMP): $(VENV)/.tools $(NATIVE) $(addsuffix pyproject.toml,$(PLUGINS)) pyproject.toml
	@echo "building the gateway"
	@$(PIP) --no-build-isolation -e ".[dev]"
	@$(if $(PLUGINS),echo "installing plugins" && \
	  $(PIP) --no-build-isolation --no-deps $(addprefix -e ./,$(PLUGINS)))
	@touch $@

run: install
	$(BIN)/python -m gateway.demo

format: install
	$(BIN)/ruff format $(PYTHON_FOLDERS)
	$(BIN)/ruff check --fix $(PYTHON_FOLDERS)
	find core_ext tests/core_ext -name '*.[ch]pp' -exec $(BIN)/clang-format -i {} +

check: install
	$(BIN)/ruff format --check $(PYTHON_FOLDERS)
	$(BIN)/ruff check $(PYTHON_FOLDERS)
	@mkdir -p build
	@$(BIN)/mypy gateway > build/mypy.txt 2>&1 & types=$$!; $(PYTEST) tests/house; house=$$?; \
	  wait $$types; types=$$?; cat build/mypy.txt; exit $$((types | house))

native-test: install
	$(BIN)/cmake -S core_ext -B $(CTEST_DIR) -G Ninja \
	  -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DGATEWAY_TESTS=ON > /dev/null
	$(BIN)/cmake --build $(CTEST_DIR) -j $(JOBS)
	$(BIN)/ctest --test-dir $(CTEST_DIR) --output-on-failure -j $(JOBS)

# A browser for the page tests and a server for the sink's: installed on Debian when root may; else
# those tests are named.
POSTGRES = $(shell command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2> /dev/null)
debian-packages:
	@command -v chromium > /dev/null || test "$$(id -u)" != 0 || ! command -v apt-get > /dev/null \
	  || { echo "installing chromium for the page tests" && timeout 600 sh -c 'apt-get -qq update \
	  && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium' \
	  > /dev/null 2>&1; } || true
	@command -v chromium > /dev/null \
	  || echo "no chromium: tests/gateway/observer/test_page*.py will be skipped"
	@test -n "$(POSTGRES)" || test "$$(id -u)" != 0 || ! command -v apt-get > /dev/null \
	  || { echo "installing postgresql for the tests of the sink" && timeout 600 sh -c \
	  'apt-get -qq update && mkdir -p /etc/postgresql-common/createcluster.d && echo \
	  "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/tests.conf \
	  && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends postgresql' \
	  > /dev/null 2>&1; } || true
	@command -v initdb > /dev/null || ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 \
	  || echo "no postgresql: plugins/postgres/tests and parts of" \
	  "tests/gateway/history/test_sink.py will be skipped"

# Every Python test that is not long; those of the house run in `check`.
python-test: install
	$(PYTEST) -m "not slow and not crash" --ignore=tests/house --ignore=tests/crash $(SPREAD)

# Programs killed at any moment, behind the others.
crash-test: install
	$(PYTEST) tests/crash -m "not slow" $(SPREAD)

test: debian-packages check native-test
	@$(MAKE) --no-print-directory python-test
	@$(MAKE) --no-print-directory crash-test

# A clang that can link its sanitizers (they are a package of their own); empty when there is none.
CLANG = $(notdir $(firstword $(foreach name,clang++-19 clang++-18 clang++-17 clang++-16 clang++,\
  $(shell command -v $(name) > /dev/null && echo 'int main() {}' | $(name) -x c++ \
    -fsanitize=address,fuzzer-no-link -o /dev/null - 2> /dev/null && echo $(name)))))
FUZZ_TARGETS := $(notdir $(wildcard tests/core_ext/fuzz/corpus/*))
NO_CLANG := the tests under clang's address, undefined and thread sanitizers, and libFuzzer on \
  $(FUZZ_TARGETS)

# clang with its sanitizers: installed on Debian when root may; else what cannot run is named.
clang-packages:
	@test -n "$(CLANG)" || test "$$(id -u)" != 0 || ! command -v apt-get > /dev/null \
	  || { echo "installing clang for the sanitizers" && timeout 900 sh -c 'apt-get -qq update \
	  && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
	  clang-16 libclang-rt-16-dev' > /dev/null 2>&1; } || true

# The native tests under the sanitizers, fuzz targets among them: gcc always, clang when it is there.
native: install clang-packages
	@$(MAKE) --no-print-directory sanitizers

sanitizers:
	@$(if $(CLANG),,echo "no clang with sanitizers: not run: $(NO_CLANG)")
	@for compiler in g++ $(CLANG); do for kind in address thread; do \
	  directory=build/$$kind.$$compiler; begin=$$(date +%s); \
	  $(BIN)/cmake -S core_ext -B $$directory -G Ninja -DCMAKE_CXX_COMPILER=$$compiler \
	    -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DGATEWAY_TESTS=ON \
	    -DGATEWAY_SANITIZE=$$kind > /dev/null && \
	  $(BIN)/cmake --build $$directory -j $(JOBS) && built=$$(date +%s) && \
	  $(BIN)/ctest --test-dir $$directory --output-on-failure -j $(JOBS) || exit 1; \
	  echo "$$kind $$compiler: built in $$((built - begin)) s," \
	    "tested in $$(($$(date +%s) - built)) s"; \
	done; done
	@$(if $(CLANG),echo "not under clang's thread sanitizer, which keeps operator new to itself:" \
	  "journal.memory_fault_test, the count of allocations in engine.engine_test")
	@$(if $(CLANG),$(MAKE) --no-print-directory libfuzzer LIBFUZZER_BOUND=-runs=20000)
	@$(if $(CLANG),,echo "no clang with sanitizers: not run: $(NO_CLANG)")

# The targets of tests/core_ext/fuzz under the address sanitizer: each a minute by the own driver,
# and with clang a minute more by libFuzzer, which starts from the same corpus.
fuzz: install
	$(BIN)/cmake -S core_ext -B build/address.g++ -G Ninja -DCMAKE_CXX_COMPILER=g++ \
	  -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DGATEWAY_TESTS=ON \
	  -DGATEWAY_SANITIZE=address > /dev/null
	$(BIN)/cmake --build build/address.g++ -j $(JOBS)
	GATEWAY_FUZZ_SECONDS=60 $(BIN)/ctest --test-dir build/address.g++ --output-on-failure -R '^fuzz\.'
	$(if $(CLANG),$(MAKE) --no-print-directory libfuzzer)

# How long each target: LIBFUZZER_BOUND=-runs=N for a number of executions instead of a time.
LIBFUZZER_BOUND ?= -max_total_time=60
libfuzzer: install
	$(BIN)/cmake -S core_ext -B build/libfuzzer -G Ninja -DCMAKE_CXX_COMPILER=$(CLANG) \
	  -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DGATEWAY_TESTS=ON \
	  -DGATEWAY_SANITIZE=address -DGATEWAY_LIBFUZZER=ON > /dev/null
	$(BIN)/cmake --build build/libfuzzer -j $(JOBS) --target fuzzers
	for corpus in tests/core_ext/fuzz/corpus/*; do name=$$(basename $$corpus); \
	  mkdir -p build/libfuzzer/corpus/$$name && for file in $$corpus/*.hex; do \
	    $(BIN)/python -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' \
	      < $$file > build/libfuzzer/corpus/$$name/$$(basename $$file .hex) || exit 1; done && \
	  ( cd build/libfuzzer && tests/fuzz.$$name $(LIBFUZZER_BOUND) -max_len=16384 -timeout=10 \
	    -print_final_stats=1 corpus/$$name ) || exit 1; done

bench: install
	for name in $$($(BIN)/gateway bench); do $(BIN)/gateway bench $$name --json || exit 1; done

docs: install
	$(PYTEST) tests/house/test_docs.py

# The searches of `make test` with larger numbers, and the sanitizers: hours. With smaller numbers
# (`make searches NIGHTLY_CORE_KILLS=20 ...`) the same code ends in minutes.
# GATEWAY_CRASH_SEED=n replays the choices of a run; its last lines say what was killed and found.
NIGHTLY_CRASH_STATES ?= 100000000
NIGHTLY_EXECUTIONS ?= 1000000
NIGHTLY_CORE_KILLS ?= 5000
NIGHTLY_DAEMON_KILLS ?= 1000
NIGHTLY_REQUESTS ?= 1000000
NIGHTLY_FILLS ?= 1000000
NIGHTLY_LOT_FILLS ?= 10000000
NIGHTLY_OBSERVER_KILLS ?= 100
NIGHTLY_STREAM_CUTS ?= 300
nightly: test native fuzz searches

searches: install
	@test -x $(CTEST_DIR)/tests/journal.crash_test || $(MAKE) --no-print-directory native-test
	GATEWAY_CRASH_STATES=$(NIGHTLY_CRASH_STATES) $(CTEST_DIR)/tests/journal.crash_test
	for test in $(CTEST_DIR)/tests/explore.*; do \
	  GATEWAY_EXPLORE_EXECUTIONS=$(NIGHTLY_EXECUTIONS) $$test || exit 1; done
	GATEWAY_CORE_KILLS=$(NIGHTLY_CORE_KILLS) $(PYTEST) tests/crash/test_core_kill.py
	GATEWAY_DAEMON_KILLS=$(NIGHTLY_DAEMON_KILLS) $(PYTEST) tests/crash/test_daemon_kill.py
	GATEWAY_MATCHING_REQUESTS=$(NIGHTLY_REQUESTS) GATEWAY_ORACLE_FILLS=$(NIGHTLY_FILLS) \
	  GATEWAY_LOT_FILLS=$(NIGHTLY_LOT_FILLS) $(PYTEST) tests/model $(SPREAD)
	GATEWAY_OBSERVER_KILLS=$(NIGHTLY_OBSERVER_KILLS) GATEWAY_STREAM_CUTS=$(NIGHTLY_STREAM_CUTS) \
	  $(PYTEST) -m slow --ignore=tests/model \
	  $(ALLOW_EMPTY)

clean:
	rm -rf build dist $(VENV)
