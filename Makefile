# Everything one needs, one command each. On a fresh machine start with `make demo` or `make test`.
PY ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
RUN := $(BIN)/snakemake --profile workflow/profiles/local
SMK := Snakefile workflow

.PHONY: setup demo demo-eeg yeast test science bench lint fmt docs check

# Installed again only when the dependencies change; % is the extra of pyproject.toml (run: none).
.venv/installed-%: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PY) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.$(if $(filter-out run,$*),[$*])'
	touch $@

setup: .venv/installed-run .venv/installed-test .venv/installed-lint

demo: .venv/installed-run
	$(RUN) --configfile config/config.yaml

demo-eeg: .venv/installed-run
	$(RUN) --configfile config/eeg.yaml

yeast: .venv/installed-run
	$(RUN) --configfile config/yeast.yaml

test: .venv/installed-test
	$(BIN)/python -m pytest -q -m "not slow"

science: .venv/installed-test
	$(BIN)/python -m pytest -q -m slow; missed=$$?; $(BIN)/python -m tests.science.collect && exit $$missed

bench: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python tests/bench/scan.py
	OMP_NUM_THREADS=1 $(BIN)/python tests/bench/strata.py
	OMP_NUM_THREADS=1 $(BIN)/python tests/bench/levers.py

lint: .venv/installed-lint
	ruff check . && ruff format --check . && mypy && lint-imports
	snakefmt --check $(SMK) && snakemake --lint --configfile config/config.yaml
	snakemake --lint --configfile config/eeg.yaml

fmt: .venv/installed-lint
	ruff check --fix-only . && ruff format . && snakefmt $(SMK)

docs: .venv/installed-run
	tracklight schema > workflow/schemas/config.schema.json
	tracklight schema --modality eeg > workflow/schemas/eeg.schema.json
	tracklight schema --table > docs/settings.md

check:
	bash .ci/run
