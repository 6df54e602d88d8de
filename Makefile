# Two commands do everything: `make run` (the main job) and `make test`. Both make .venv and install what they need; of the RTL's tools only
# Icarus Verilog is no Python package: `make tools` installs it where that is allowed, else it says the one command that does.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Data sets that lie beside the checkout are used; else `neurochip` looks in the user's cache and downloads.
ifneq ($(wildcard ../shared/data),)
export NEUROCHIP_DATA ?= $(abspath ../shared/data)
endif

.DEFAULT_GOAL := help
.PHONY: help run test test-slow test-nojit bounds tools rtl-package run-format fuzz cosim-long lint rtl-lint bench mutants figures gpu-figures docs release-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/installed ## train the main experiment on chip and report (installs, obtains MNIST)
	$(BIN)/neurochip run experiments/mnist_local_bp.toml --out runs/mnist_local_bp --resume

TOGETHER = -n auto --dist loadfile --no-loadscope-reorder -v --durations=15

# files in their order: xdist would keep those of few tests for last, and the longest test is in one of them
test: $(VENV)/installed tools ## run the tests, but for the slow ones (installs what they need)
	$(BIN)/python -m pytest $(TOGETHER) -m "not slow"

test-slow: $(VENV)/installed tools ## run the slow tests
	$(BIN)/python -m pytest $(TOGETHER) -m slow

test-nojit: $(VENV)/installed ## run the tests of the core interpreted, which finds overflows
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest tests/core/test_oracle.py tests/core/test_core.py -m "not slow"

# the engine compiled anew with checked indices; the suite checks those of the interpreted engine instead, which are the same
bounds: $(VENV)/installed ## run the compiled engine with checked indices
	$(BIN)/python -m pytest -n0 tests/core/bounds.py

tools: ## install Icarus Verilog where that is allowed, else say how
	@command -v iverilog >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  { apt-get install -qq -y --no-install-recommends iverilog >/dev/null 2>&1 || \
	    { apt-get update -qq && apt-get install -qq -y --no-install-recommends iverilog >/dev/null; }; }; } || \
	  echo "Icarus Verilog is missing, its tests will be skipped; install it: sudo apt-get install iverilog"
	@command -v g++ >/dev/null || echo "g++ is missing, without it there is no lock-step; install it: sudo apt-get install g++"

# what is committed of the RTL and made: the package from the chip file, the registers in SystemRDL from the map, the core file from the modules
rtl-package: $(VENV)/installed ## write the RTL's parameters, registers and core file anew
	$(BIN)/python -m neurochip.cosim.core.package
	$(BIN)/python -m neurochip.cosim.core.system_rdl
	$(BIN)/python -m neurochip.cosim.core.core_file

run-format: $(VENV)/installed ## write the tables of docs/run_format.md anew from the model of summary.json
	$(BIN)/python -m neurochip.runfile.documented

# what the suite does with a few files; some minutes
fuzz: FILES ?= 500
fuzz: $(VENV)/installed ## read 500 (FILES=...) damaged files of every kind that comes from outside
	NEUROCHIP_FUZZ=$(FILES) $(BIN)/python -m pytest -n auto -q tests/checks/test_fuzz.py

# zero differences over at least 20 million core cycles, whole generator periods, and the first samples of every shipped experiment
cosim-long: $(VENV)/installed ## compare simulator and RTL over 20 million cycles
	$(BIN)/python -m neurochip.cosim.core.long

lint: $(VENV)/installed rtl-lint ## check style, types, imports between rooms, papers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format --default-filetype yaml CITATION.cff

rtl-lint: $(VENV)/installed tools ## check the SystemVerilog by Verilator, Icarus Verilog, yosys, slang
	$(BIN)/python -m neurochip.cosim.lint

bench: $(VENV)/installed ## measure synaptic operations per second
	$(BIN)/neurochip bench

# faults put into the RTL, each of which lock-step must see; a quarter of an hour on two cores
mutants: $(VENV)/installed ## put faults into the RTL and see that lock-step finds each
	$(BIN)/python -m neurochip.cosim.core.mutate

# every row of the first table of docs/results.md; resumes what was interrupted
figures: $(VENV)/installed ## run every row of the table of results
	for name in mnist_local_bp mnist_local_bp_8bit mnist_deep_local_bp fashion_mnist_local_bp; do \
	  $(BIN)/neurochip run $$name --out runs/$$name --resume || exit 1; done
	$(BIN)/neurochip compare runs/mnist_local_bp runs/mnist_local_bp_8bit runs/mnist_deep_local_bp runs/fashion_mnist_local_bp

# VGG9 and ResNet11 at 6 ticks and ANNs of their shapes in 12 minutes of wall time on one large GPU; `make gpu-figures MORE="--ticks 4"`
gpu-figures: $(VENV)/installed ## train the deep nets in full on a GPU, in 12 minutes
	$(BIN)/python -m neurochip.offchip.gpu_figures $(MORE)

# the site into build/site, every link checked; the variable silences an announcement of the theme that has nothing to do with this project
docs: $(VENV)/installed ## build the documentation into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# sdist and wheel into dist/, both checked; the wheel alone runs an experiment in an empty environment (some minutes: it compiles anew)
release-check: $(VENV)/installed ## build sdist and wheel, check them, use the wheel in an empty environment
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[release]'
	$(BIN)/python tools/release_check.py

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

clean: ## remove .venv and what builds leave
	rm -rf $(VENV) build dist *.egg-info
