# The two commands: `make run` and `make test`. Both make .venv on first use and need only Python >= 3.11, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?= experiment=quickstart

.PHONY: run experiment test test-faults soak lint types check benchmark benchmark-rules benchmark-tracking benchmark-prediction benchmark-estimators coverage mutation mutation-sample constraints locks docs clean

run: $(STAMP)  ## train; ARGS="experiment=… key=value" passes overrides on
	$(BIN)/tokenlayer train $(ARGS)

experiment: $(STAMP)  ## rerun one of experiments/: NAME=rules ARGS="--jobs 2 --source PATH"; finished runs are skipped
	@test -f experiments/$(NAME)/study.py || \
	  { echo "NAME=… must be one of: $(patsubst experiments/%/study.py,%,$(wildcard experiments/*/study.py))" >&2; exit 2; }
	$(BIN)/python -m experiments.$(NAME).study $(if $(filter command line,$(origin ARGS)),$(ARGS))

# A file's tests go to one worker, which makes what they share once; in the order of their folders, the longest of which
# come before many short ones.
test: $(STAMP)  ## the fast tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

coverage: $(STAMP)  ## the fast tests, and the lines that none of them reaches
	$(BIN)/python -m pytest -n auto --dist worksteal --cov $(PYTEST_ARGS)

mutation: $(STAMP)  ## by hand or at night: which changes of the code no test notices; MUTANTS="tokenlayer.rules.*"
	$(BIN)/mutmut run $(MUTANTS)
	$(BIN)/mutmut results

# The first run makes all mutants, and learns which tests reach which; the last line counts what became of those drawn.
DRAWN := mutants/drawn.txt
mutation-sample: $(STAMP)  ## the same for some of all mutants: SAMPLE=200 drawn by SEED=0, under an hour on one core
	$(BIN)/mutmut run "tokenlayer.selection.penalty*"
	$(BIN)/mutmut results --all true | cut -d : -f 1 | LC_ALL=C sort \
	  | awk 'BEGIN { srand($(or $(SEED),0)) } { print rand(), $$1 }' | LC_ALL=C sort -n \
	  | head -n $(or $(SAMPLE),200) | cut -d " " -f 2 > $(DRAWN)
	xargs $(BIN)/mutmut run --max-children 1 < $(DRAWN)
	$(BIN)/mutmut results --all true | grep -wFf $(DRAWN) | sed 's/.*: //' | sort | uniq -c

test-faults: $(STAMP)  ## real faults by the dozen, 20,000 hostile inputs, under an hour; writes docs/reliability.md
	$(BIN)/python -m pytest -m "faults or not faults and not slow and not gpu and not services" --timeout 900 \
	  -n auto --dist worksteal \
	  --reliability docs/reliability.md tests/faults tests/tracking tests/data/test_prepare.py $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m faults -n auto --dist worksteal tests/data/sources tests/config tests/training tests/integration tests/study \
	  $(PYTEST_ARGS)

soak: $(STAMP)  ## an hour of training: memory and file handles stay flat; SOAK=300 for five minutes
	$(BIN)/python tests/faults/soak.py $(or $(SOAK),3600)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry src

types: $(STAMP)
	$(BIN)/mypy

check: lint types test

benchmark: $(STAMP)  ## speed and memory; ORIGINAL=1 times the original package too, SOURCE=… names the reviews
	$(BIN)/python -m benchmarks.run $(if $(ORIGINAL),--original) $(if $(SOURCE),--source $(SOURCE))

benchmark-rules: $(STAMP)  ## what each learning rule costs a step, an edit, an epoch; SOURCE=… names the reviews
	$(BIN)/python -m benchmarks.rules $(if $(SOURCE),--source $(SOURCE))
	$(BIN)/python -m benchmarks.ngram_index $(if $(SOURCE),--source $(SOURCE))

benchmark-estimators: $(STAMP)  ## the fit of the scikit-learn estimators beside the command, and their predictions; SOURCE=…
	$(BIN)/python -m benchmarks.estimators $(if $(SOURCE),--source $(SOURCE))

benchmark-tracking: $(STAMP)  ## what recording, sweeps, comparisons and pages of the UI cost; SOURCE=…
	$(BIN)/python -m benchmarks.tracking $(if $(SOURCE),--source $(SOURCE))
	$(BIN)/python -m benchmarks.sweeps
	$(BIN)/python -m benchmarks.comparison
	$(BIN)/python -m benchmarks.ui

benchmark-prediction: $(STAMP)  ## texts a second of a trained model, and the memory of long tables; SOURCE=… names reviews
	$(BIN)/python -m benchmarks.prediction $(if $(SOURCE),--source $(SOURCE))

# Installs what constraints.txt pins; again only when one of these files changes.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tokenlayer needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade -c constraints.txt pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable . --group dev
	@touch $(STAMP)

constraints: $(STAMP)  ## rewrite constraints.txt from what is installed
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude tokenlayer --exclude setuptools \
	  | sed -E 's/\+cpu//; s/ @ .*//' > constraints.txt

# All extras but that of docs/.
LOCK := pip compile pyproject.toml $(foreach extra,search huggingface onnx postgres slurm ray,--extra $(extra)) \
  --generate-hashes --universal --python-version 3.11 --constraint constraints.txt --no-annotate \
  --custom-compile-command "make locks" --quiet
UV ?= uv

locks:  ## rewrite requirements/*.txt: dependencies by version and hash; needs uv, and PyTorch's own index for cpu.txt
	mkdir -p requirements
	$(UV) $(LOCK) --output-file requirements/cuda.txt
	$(UV) $(LOCK) --torch-backend cpu --output-file requirements/cpu.txt

docs: $(STAMP)  ## the site, into docs/_build: every warning is an error
	$(BIN)/sphinx-build -W -n --keep-going -b html docs docs/_build $(SPHINX_ARGS)

clean:
	rm -rf $(VENV) build dist docs/_build
