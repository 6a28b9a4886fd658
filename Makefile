PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FILE ?= search_spaces/mnist.yaml
NAME ?= $(basename $(notdir $(FILE)))-$(shell date +%Y%m%d-%H%M%S)

.PHONY: launch test test-fast test-long chaos check docs bench lock clean

# Run the main job; every call is a sweep of its own under runs/.
launch: $(VENV)/.installed
	$(BIN)/python -m msann_sweep launch $(FILE) --name $(NAME)

# Fast tests, then those that start Ray, servers and browsers; in two processes, a file in one.
test: test-fast
	$(BIN)/python -m pytest -m "slow and not long and not chaos" --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 15

test-fast: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not slow and not long and not chaos" --numprocesses 2

# Tests of minutes that CI leaves out.
test-long: $(VENV)/.installed
	$(BIN)/python -m pytest -m "long and not chaos"

# Twenty kills of driver, workers and Ray at random moments.
chaos: $(VENV)/.installed
	$(BIN)/python -m pytest -m chaos

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed (make PYTHON=python3.12 ...)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# The pages of docs/, as a site that needs no network; a warning is an error.
docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Measure steps, memory, and plain PyTorch against MsANN, and rewrite the tables; 105 minutes.
bench: $(VENV)/.installed
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/wall.py

# Newest versions that the loose bounds of pyproject.toml admit.
lock:
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --no-annotate --no-header -o requirements.lock
	sed -i "1i # Every package, pinned. Rewrite with \`make lock\`." requirements.lock

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache
