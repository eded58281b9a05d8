# `make` sets up a virtual environment and runs the quickstart; `make test` runs the tests, and
# `make test-long` those that go through more variants of the same.
# Python 3.10 or newer with venv and pip, and make, are all that must be there.

PYTHON ?= python3
VENV ?= .venv
# GPU users: make TENSORFLOW='tensorflow[and-cuda]'
TENSORFLOW ?= $(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),tensorflow-cpu,tensorflow)

# Other people's packages must not slip in from outside.
unexport PYTHONPATH PYTHONHOME
export PYTHONNOUSERSITE = 1

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := tfrecord_lite tests examples benchmarks docs/site hatch_build.py

# Each alone: bench-columns, ...; the picture is drawn from what columns and encoding wrote.
BENCHMARKS := cluster_plan columns encoding verifying describing viewing scaling records writing importing memory growth scale random_access shards mixing remote

# Each in an environment of its own, tested by tests/worlds/: test-torch, ...
WORLDS := torch jax huggingface ray spark beam remote tfds browser
# These start a cluster of their own, one for all tests.
CLUSTERS := ray spark beam
# And what benchmarks/training.py measures them beside.
ENVIRONMENTS := $(WORLDS) training arrow-peers docs

.PHONY: quickstart test test-long test-worlds $(WORLDS:%=test-%) lowest pythons lint coverage reliability mutants bench $(BENCHMARKS:%=bench-%) bench-picture fuzz soak proto clean bench-training bench-arrow bench-engines bench-against kills docs
# Nothing may run beside a benchmark.
.NOTPARALLEL:

quickstart: $(VENV)/.run
	$(BIN)/python examples/quickstart.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist worksteal -m long $(ARGS)

# With PyTorch, JAX, datasets, tensorflow_datasets, on Ray, Spark, Beam: tests/worlds/, and the examples of our own modules about them.
test-worlds: $(WORLDS:%=test-%)

$(WORLDS:%=test-%): test-%: $(VENV)-%/.world
	$(VENV)-$*/bin/python -m pytest -n $(if $(filter $*,$(CLUSTERS)),0,auto) --dist worksteal tests/worlds/$* tests/test_docstrings.py $(ARGS)

# The core without TensorFlow: with the lowest versions of what it needs, and with each Python at hand.
lowest pythons:
	VENV='$(VENV)' .ci/core $@

# The documentation site, into docs-output/site: warnings are errors.
docs: $(VENV)-docs/.world
	$(VENV)-docs/bin/python docs/site/build.py

lint: $(VENV)/.dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

coverage: $(VENV)/.dev
	$(BIN)/coverage run -m pytest -m '' $(ARGS)
	$(BIN)/coverage combine
	$(BIN)/coverage report

# Every fault of the matrix injected, and how often, into docs/reliability.md.
reliability: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist worksteal -m '' -k 'row_ or rows_' --matrix $(ARGS)

# A sample of changes to the package, and which of them no test notices: make mutants COUNT=600 SEED=1
COUNT ?= 600
SEED ?= 1
RESULTS ?= mutants-output/results.jsonl
mutants: $(VENV)/.dev
	$(BIN)/python tests/mutants $(RESULTS) --count $(COUNT) --seed $(SEED) $(ARGS)

bench: $(BENCHMARKS:%=bench-%) bench-picture

$(BENCHMARKS:%=bench-%) bench-picture: bench-%: $(VENV)/.bench
	$(BIN)/python benchmarks/$*.py

# This checkout against another revision, by turns: make bench-against REVISION=HEAD~10
REVISION ?= HEAD
bench-against: $(VENV)/.dev
	$(BIN)/python benchmarks/against.py $(REVISION) $(ARGS)

# Beside other packages that load TFRecords for PyTorch, which share no environment with the rest.
bench-training: $(VENV)-training/.world
	$(VENV)-training/bin/python -m pip --disable-pip-version-check install --quiet '$(TENSORFLOW)'
	$(VENV)-training/bin/python benchmarks/training.py $(ARGS)

# Beside tfx_bsl and Ray, which want other versions of what the rest has.
bench-arrow: $(VENV)-arrow-peers/.world
	$(VENV)-arrow-peers/bin/python benchmarks/arrow.py $(ARGS)

# Each engine in its environment, with what the other contenders need: TensorFlow; for Beam the fastest checksum it takes.
bench-engines: $(CLUSTERS:%=$(VENV)-%/.world)
	for engine in ray spark; do \
		$(VENV)-$$engine/bin/python -m pip --disable-pip-version-check install --quiet '$(TENSORFLOW)' || exit 1; \
	done
	$(VENV)-beam/bin/python -m pip --disable-pip-version-check install --quiet google-crc32c
	for engine in $(CLUSTERS); do \
		$(VENV)-$$engine/bin/python benchmarks/engines.py --only $$engine $(ARGS) || exit 1; \
	done

# Coverage-guided fuzzing, all targets in turn: make fuzz SECONDS=3600
SECONDS ?= 60
fuzz: $(VENV)/.fuzz
	$(BIN)/python tests/fuzz --seconds $(SECONDS)

# Every way from records to columns and back, held against one by one: make soak SECONDS=3600
# And all random combinations of loaders, workers, ranks, epochs and resumption points.
soak: $(VENV)/.dev $(VENV)-torch/.world $(VENV)-jax/.world
	$(BIN)/python tests/differential/soak.py --seconds $(SECONDS)
	for world in torch jax; do \
		$(VENV)-$$world/bin/python -m pytest -n auto --dist worksteal -m '' tests/worlds/$$world/test_exactly_once.py || exit 1; \
	done

# Tasks of Ray and Spark killed at random moments, and who commits: make kills KILLS=50
# In folders here, and in a bucket of s3rver's where that is installed: S3RVER=node_modules/.bin/s3rver
kills: export KILLS ?= 50
kills: $(VENV)-ray/.world $(VENV)-spark/.world
	for engine in ray spark; do \
		$(VENV)-$$engine/bin/python -m pip --disable-pip-version-check install --quiet obstore s3fs || exit 1; \
		$(VENV)-$$engine/bin/python -m pytest -m long -rP tests/worlds/$$engine/test_kills.py $(ARGS) || exit 1; \
	done

# The descriptors that the package ships, made anew from proto/.
proto: $(VENV)/.dev
	$(BIN)/python proto/regenerate.py

clean:
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-3.1? $(ENVIRONMENTS:%=$(VENV)-%) *-output build dist .coverage .coverage.* \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# Stamps: what is installed stays installed until pyproject.toml or this file changes. Dependency
# groups need pip 25.1.
$(VENV)/.venv $(ENVIRONMENTS:%=$(VENV)-%/.venv):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "$(PYTHON) is not Python 3.10 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments (no ensurepip); on Debian and Ubuntu:" \
			"apt install python3-venv, or name another Python: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.run: $(VENV)/.venv pyproject.toml Makefile
	$(PIP) install --quiet --editable '.[cli,fast,image]' --group examples '$(TENSORFLOW)'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) install --quiet --group dev
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(PIP) install --quiet --group bench
	@touch $@

$(VENV)/.fuzz: $(VENV)/.dev
	$(PIP) install --quiet --group fuzz
	@touch $@

$(ENVIRONMENTS:%=$(VENV)-%/.world): $(VENV)-%/.world: $(VENV)-%/.venv pyproject.toml Makefile
	$(VENV)-$*/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[cli]' --group $*
	@touch $@
