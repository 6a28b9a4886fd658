PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FILE ?= search_spaces/mnist.yaml
NAME ?= $(basename $(notdir $(FILE)))-$(shell date +%Y%m%d-%H%M%S)

.PHONY: launch test test-fast check bench lock clean

# Run the main job; every call is a sweep of its own under runs/.
launch: $(VENV)/.installed
	$(BIN)/python -m msann_sweep launch $(FILE) --name $(NAME)

test: $(VENV)/.installed
	$(BIN)/python -m pytest

# Everything but the tests marked slow.
test-fast: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not slow"

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

# Measure plain PyTorch against MsANN and rewrite the README's table; about an hour.
bench: $(VENV)/.installed
	$(BIN)/python benchmarks/wall.py

# Newest versions that the loose bounds of pyproject.toml admit.
lock:
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --no-annotate --no-header -o requirements.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
