# The vocabulary of the project. Needs python3 (3.10 or newer) and make; sets itself up, once.
PYTHON ?= python3
PYTHON_VERSION ?= 3.13
ARCH ?= x86_64
SEEDS ?= 10000
VENV := .venv/$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
RUN := $(VENV)/bin/python
READY := $(VENV)/ready
PIN := uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-header --no-emit-index-url
LAYER := build/layer.ready
LAYER_SOURCES := $(shell find otel_layer collector_ext config -type f ! -name '*.pyc') \
	requirements/layer.txt requirements/collector.txt scripts/build_layer.py scripts/pythons.py pyproject.toml

.PHONY: demo test check lint types arch sizes layer layer-full bench conformance simulate requirements clean help

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(READY) $(LAYER)  ## see the traces of a function, in the terminal and as a page
	@$(RUN) -m scripts.demo

test: $(READY) $(LAYER)  ## all tests, end to end included (PYTHON=python3.13 for another one)
	$(RUN) -m pytest

check: lint types arch sizes  ## everything but the tests

lint: $(READY)
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

types: $(READY)
	$(RUN) -m mypy collector_ext otel_layer lambda_sandbox scripts bench tests

arch: $(READY)
	$(VENV)/bin/lint-imports

sizes: $(READY)
	@$(RUN) -m scripts.sizes

layer: $(LAYER)  ## dist/layer/ and its zip

layer-full: $(READY)  ## dist/layer-full/ and its zip, with gRPC (PYTHON_VERSION=3.13 ARCH=aarch64)
	$(RUN) -m scripts.build_layer_full --python-version $(PYTHON_VERSION) --arch $(ARCH)

bench: $(READY) $(LAYER)  ## what the layer and the sandbox cost, within one run
	@$(RUN) -m bench

conformance: $(READY)  ## run the rules of Lambda and write docs/conformance.md
	@$(RUN) -m scripts.conformance

simulate: $(READY)  ## random days in the life of the collector's core (SEEDS=100000 for more)
	@$(RUN) -m scripts.simulate --seeds $(SEEDS)

requirements:  ## pin the dependencies anew (needs uv)
	cd requirements && for name in layer collector layer-full dev; do $(PIN) -U $$name.in -o $$name.txt; done
	cd lambda_sandbox && for release in '' -3.0.0; do $(PIN) runtime-requirements$$release.in -o runtime-requirements$$release.txt; done

clean:  ## forget everything that was set up or built
	rm -rf .venv build dist

$(READY): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "python3 is %d.%d, the project needs 3.10 or newer: make PYTHON=python3.13" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(LAYER): $(LAYER_SOURCES) | $(READY)
	$(RUN) -m scripts.build_layer
	@mkdir -p build && touch $@
