# Sluice: every command that a developer needs. `make` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
VENV35 := build/venv-spark35
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# tests/scheduling.py says which worker gets which file. More than a small machine has cores, for about half of
# what a worker does is waiting for the processes that its tests start.
WORKERS ?= 4
PARALLEL = --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder

KERNEL_TESTS = $(wildcard tests/unit/test_kernel_*.py tests/unit/test_conversion_*.py) tests/unit/test_cases.py \
	tests/unit/test_corpora.py

.DEFAULT_GOAL := help

##@ Use
.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-zA-Z_-]+:.*##/ {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.ready ## Make the virtual environment from the lock file

# The lock file's digest is the stamp's only prerequisite: a changed lock is a changed environment.
$(VENV)/.ready: requirements.lock pyproject.toml bin/setup $(wildcard packages/localcloud/localcloud/runtimes/*.lock)
	@PYTHON="$(PYTHON)" bin/setup "$(VENV)"

.PHONY: java
java:
	@bin/require-java

.PHONY: demo
demo: java setup ## Run the whole pipeline on this machine and check every row
	@$(BIN)/sluice demo

.PHONY: up
up: java setup ## Run the local cloud until stopped
	@$(BIN)/sluice up

##@ Measure
BENCH := build/bench
$(BENCH)/.ready: requirements-bench.lock
	rm -rf $(BENCH) && $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	touch $@

.PHONY: bench-quick
bench-quick: java setup $(BENCH)/.ready ## Both jobs beside their peers and the whole path, small data (some minutes)
	$(BIN)/python -m benchmarks --quick

.PHONY: bench-data
bench-data: setup $(BENCH)/.ready ## Make the data of the benchmarks, which make bench does otherwise
	$(BIN)/python -m benchmarks.job1 --data

MINUTES ?= 15
.PHONY: bench
bench: java bench-data ## The same with 6 million rows, XML, bursts of manifests and a long table; docs/performance.md (MINUTES=number)
	$(BIN)/python -m benchmarks --minutes $(MINUTES)

##@ Develop
.PHONY: test
test: java setup ## Run the whole test suite, several layers at a time (WORKERS=1: one after the other)
	@$(BIN)/python -m pytest $(PARALLEL) --durations 25 $(PYTEST_ARGS)

LOCALCLOUD = packages/localcloud
.PHONY: test-localcloud
test-localcloud: java setup ## Run the tests of the laptop's AWS
	@$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS) $(LOCALCLOUD)/localcloud_tests

ALONE = build/alone
$(ALONE)/.ready: requirements.lock $(LOCALCLOUD)/pyproject.toml bin/setup $(wildcard $(LOCALCLOUD)/localcloud/runtimes/*.lock)
	@PYTHON="$(PYTHON)" bin/setup $(ALONE) $(LOCALCLOUD)

.PHONY: test-localcloud-alone
test-localcloud-alone: java $(ALONE)/.ready ## The same in an environment without Sluice
	! $(ALONE)/bin/python -P -c "import sluice" 2>/dev/null
	cd $(LOCALCLOUD) && $(CURDIR)/$(ALONE)/bin/python -P -m pytest $(PYTEST_ARGS)

.PHONY: installed
installed: java setup ## Install the wheels without the checkout, and take a project from init to the warehouse
	SLUICE_INSTALLED=1 $(BIN)/python -m pytest tests/e2e/test_installed.py

SEEDS ?= 1 2 3 4
.PHONY: prove
prove: java setup ## Show at length that nothing is lost or doubled (ONLY="names of proofs" SEEDS="numbers" TIMES=number)
	@$(BIN)/python -m sluice_laptop.demo.prove --seeds $(SEEDS) $(if $(ONLY),--only $(ONLY)) $(if $(TIMES),--times $(TIMES))

LAW_RECORDS ?= 1000000
.PHONY: test-law
test-law: setup ## Hold both lanes of the kernel to each other on a million records (LAW_RECORDS=number)
	SLUICE_LAW_RECORDS=$(LAW_RECORDS) $(BIN)/python -m pytest --timeout 0 tests/unit/test_kernel_law.py

.PHONY: test-spark35
test-spark35: java $(VENV35)/.ready ## Run the tests of the Spark jobs on the Spark of Glue 5
	@$(VENV35)/bin/python -m pytest $(PYTEST_ARGS) tests/spark

$(VENV35)/.ready: requirements.lock requirements-spark35.lock pyproject.toml bin/setup-spark35
	@PYTHON="$(PYTHON)" bin/setup-spark35 "$(VENV35)"

.PHONY: test-arrow17
test-arrow17: setup ## Run the kernel's tests on the Arrow of Glue 5.0
	@$(BIN)/python -m pip install --quiet --upgrade --target build/arrow17 --no-deps pyarrow==17.0.0 numpy==1.26.4
	@PYTHONPATH=build/arrow17 $(BIN)/python -m pytest --timeout 0 $(PYTEST_ARGS) $(KERNEL_TESTS)

.PHONY: lint
lint: setup ## ruff, mypy and the import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: setup ## Lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: setup ## Make the generated references and the contracts' schema again
	$(BIN)/python -m sluice.cli.reference
	$(BIN)/python -m sluice.contract.reference
	$(BIN)/python -m sluice.doctor.reference
	$(BIN)/python -m sluice.failures_reference
	$(BIN)/python -m sluice.analysis.reference
	$(BIN)/python -m deploy.load_machine
	$(BIN)/python -m deploy.diagrams
	$(BIN)/sluice contract schema

AREAS ?=
.PHONY: fidelity
fidelity: setup ## Hold the local Redshift and Athena to the corpus of documented statements (AREAS="redshift/dates athena")
	$(BIN)/python -m localcloud.fidelity $(AREAS) $(if $(AREAS),,--docs)

TOOLS := build/tools
$(TOOLS)/.ready: requirements-tools.lock
	rm -rf $(TOOLS) && $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.lock
	touch $@

.PHONY: fidelity-tools
fidelity-tools: setup $(TOOLS)/.ready ## Run dbt-redshift and awswrangler against the local warehouse (some minutes)
	$(BIN)/python -m localcloud.fidelity.tools --tools $(TOOLS) --docs

.PHONY: package
package: setup ## Build the zips that ship into dist/
	$(BIN)/python -m deploy.packages dist
	$(BIN)/python -m deploy.catalog dist

.PHONY: wheel
wheel: setup ## Build the wheels of Sluice and of the laptop's AWS into dist/wheels/
	$(BIN)/python -m hatchling build -t wheel -d dist/wheels
	cd packages/localcloud && ../../$(BIN)/python -m hatchling build -t wheel -d ../../dist/wheels

.PHONY: sandbox-check
sandbox-check: setup ## Deploy to the AWS account at hand, check every row, and destroy (OWNER=name EMAIL=address)
	$(BIN)/python -m deploy.sandbox_check --variable environment=sandbox --variable owner=$(OWNER) \
		--variable deletion_protection=false $(if $(EMAIL),--email=$(EMAIL))

.PHONY: sandbox-rehearsal
sandbox-rehearsal: setup java ## The same check, against the local cloud
	$(BIN)/python -m sluice_laptop.rehearsal $(if $(SLUICE_TERRAFORM_MIRROR),--init=-plugin-dir=$(SLUICE_TERRAFORM_MIRROR))

SITE = build/docs
$(SITE)/.ready: requirements-docs.lock
	rm -rf $(SITE) && $(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	touch $@

.PHONY: site
site: $(SITE)/.ready ## Build the documentation as a site that can be searched, into build/site
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --strict --quiet

SECURITY = build/security
SECRETS = --disable-plugin KeywordDetector --disable-plugin HexHighEntropyString --disable-plugin Base64HighEntropyString \
	--disable-plugin BasicAuthDetector
$(SECURITY)/.ready: requirements-security.lock
	rm -rf $(SECURITY) && $(PYTHON) -m venv $(SECURITY)
	$(SECURITY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-security.lock
	touch $@

.PHONY: security
security: $(SECURITY)/.ready ## bandit, a scan for secrets, and known faults of locked dependencies (asks the network)
	$(SECURITY)/bin/bandit --quiet --recursive --configfile pyproject.toml --severity-level medium \
		sluice glue_jobs lambda_trigger crawlers deploy sluice_laptop packages/localcloud/localcloud docker
	git ls-files -z | xargs -0 $(SECURITY)/bin/detect-secrets-hook $(SECRETS)
	for lock in requirements.lock requirements-local.lock packages/localcloud/localcloud/runtimes/*.lock; do \
		$(SECURITY)/bin/pip-audit --require-hashes --disable-pip --requirement $$lock || exit 1; done

.PHONY: check
check: lint test ## What CI runs

COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-package localcloud-aws --quiet

.PHONY: iam-calls
iam-calls: setup ## Record what the whole path asks of the policies: tests/fixtures/iam_calls.jsonl, docs/iam.md
	rm -rf build/iam-calls
	SLUICE_IAM_CALLS=build/iam-calls $(BIN)/pytest tests/e2e
	$(BIN)/python -m tests.iam_calls build/iam-calls

.PHONY: policies
policies: setup ## Write terraform/policies.json, which the local deploy takes, from Terraform's plan
	$(BIN)/python -m tests.terraform.policies

.PHONY: lock
lock: setup ## Renew the lock files from pyproject.toml
	$(COMPILE) --upgrade pyproject.toml --all-extras -o requirements.lock
	$(COMPILE) --upgrade pyproject.toml --extra local --constraint requirements.lock -o requirements-local.lock
	echo 'pyspark==3.5.*' | $(COMPILE) --upgrade - -o requirements-spark35.lock
	$(COMPILE) --upgrade requirements-security.in -o requirements-security.lock
	$(COMPILE) --upgrade requirements-checkov.in -o requirements-checkov.lock
	$(COMPILE) --upgrade requirements-bench.in -o requirements-bench.lock
	$(COMPILE) --upgrade requirements-docs.in -o requirements-docs.lock
	$(COMPILE) --upgrade --no-strip-extras requirements-tools.in -o requirements-tools.lock
	for name in $(basename $(wildcard packages/localcloud/localcloud/runtimes/*.in)); do $(COMPILE) $$name.in -o $$name.lock; done

.PHONY: clean
clean: ## Remove what was built here, the local cloud's data included
	rm -rf build dist .sluice .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
