# Everything runs inside .venv, which is made on first use; nothing else needs to be installed but Python 3.11+.
.PHONY: demo test test-oldest lint effect effect-small docs bench parser train train-i2v clean
.ONESHELL:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
METHODS := vanilla ts-attn gentle prompt-relay hard-mask kv-switch:step_fraction=0.2
STRENGTHS := gentle:strength=0.15 prompt-relay:strength=3
FURTHER := kv-switch released no-region no-rearrangement no-reinforcement pass-per-event windows
OVER := vanilla prompt-relay hard-mask
FINAL := $(BIN)/tsattn eval shapes --final --n 300 --workers 2 -o docs/effect
DEMO := A green circle gets bigger and then moves right, and finally moves up

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

demo: $(READY)  ## one sentence with three events becomes two videos side by side, in out/demo
	$(BIN)/tsattn generate "$(DEMO)" --seed 3328269970 -o out/demo --overwrite

test: $(READY)  ## all tests, slow ones too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal

test-oldest:  ## the same with the oldest diffusers that pyproject.toml allows, in an environment of its own
	test -x .venv-oldest/bin/python || $(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	grep -v '^diffusers==' constraints.txt > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-oldest/constraints.txt -e '.[dev]' 'diffusers==0.42.0'
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -q -n auto --dist worksteal

lint: $(READY)  ## style, types, and who may import whom
	$(BIN)/ruff check src tests training benchmarks examples
	$(BIN)/ruff format --check src tests training benchmarks examples
	$(BIN)/mypy
	$(BIN)/lint-imports

effect: $(READY)  ## the final tables of docs/effect.md and their raw outcomes; hours, and it goes on where it was
	$(FINAL) --page goal --events 3 $(METHODS:%=--method %) $(STRENGTHS:%=--method %) $(OVER:%=--baseline %) \
		--baseline prompt-relay:strength=3
	$(FINAL) --page methods --events 3 $(METHODS:%=--method %) $(STRENGTHS:%=--method %) $(FURTHER:%=--method %)
	$(FINAL) --page events $(METHODS:%=--method %) $(OVER:%=--baseline %)

effect-small: $(READY)  ## whether the effect still has its direction, in minutes; make test has it, too
	$(BIN)/python -m pytest -q tests/evaluate/shapes/test_directions.py

docs: $(READY)  ## docs/cli.md from the commands' own help, docs/plan.schema.json from the plan's own classes
	$(BIN)/python -m typer tsattn.cli.app utils docs --name tsattn --output docs/cli.md
	$(BIN)/python -c "from pathlib import Path; from tsattn.plan.schema import json_schema; Path('docs/plan.schema.json').write_text(json_schema() + '\n')"

bench: $(READY)  ## time and memory beside the model without control, in out/bench
	$(BIN)/python -m benchmarks

parser: $(READY)  ## how well and how fast the offline parser reads the sentences of tests/plan/sentences
	$(BIN)/python -m benchmarks.parser

train: $(READY)  ## the embedded model from nothing; resumes where it was cut
	$(BIN)/python -m training

train-i2v: $(READY)  ## its image-to-video sibling, from the weights that are there; resumes where it was cut
	$(BIN)/python -m training --i2v

clean:
	rm -rf .venv .venv-oldest out build dist
