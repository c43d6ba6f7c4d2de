# demo: train, verify and synthesise a network on MNIST    test: the whole test suite
# check: ruff and pyright                                  docs: the manual, in docs/_build
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml constraints.txt CMakeLists.txt $(wildcard $(addprefix src/lutra/_kernels/,*.cpp *.h logic/*.cpp logic/*.h))
PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_CONSTRAINT

.PHONY: demo test check docs clean clang

demo: $(VENV)/.run
	$(BIN)/lutra run recipes/demo-mnist.toml

test: $(VENV)/.test clang
	$(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

clean:
	rm -rf $(VENV) build docs/_build

# One stamp per set of extras; a change of sources installs again.
$(VENV)/.run: EXTRAS := eda,report
$(VENV)/.test: EXTRAS := data,eda,report,trees,test
$(VENV)/.check: EXTRAS := data,eda,report,trees,test,check,bench
$(VENV)/.docs: EXTRAS := eda,report,sklearn,docs

$(VENV)/.%: $(SOURCES) | $(BIN)/pip
	$(BIN)/pip install --disable-pip-version-check --quiet -e '.[$(EXTRAS)]'
	touch $@

# A second compiler for the C that is written; root installs it here.
clang:
	@command -v clang >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq \
	  && apt-get install -y -qq --no-install-recommends clang libclang-rt-dev; } || { \
	  echo "The tests need clang: apt-get install clang libclang-rt-dev" >&2; exit 1; }

# Debian keeps venv and the headers in packages of their own; root installs them here.
$(BIN)/pip:
	$(PYTHON) -m venv --clear $(VENV) || { \
	  [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv python3-dev \
	  && $(PYTHON) -m venv --clear $(VENV); } || { \
	  echo "Lutra needs venv: apt-get install python3-venv python3-dev" >&2; exit 1; }
