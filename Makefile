# One command per habit; .ci/run calls the same ones. Every command sets up what it needs first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-kubeflow setup-notebook docs demo up notebook screenshots stack-test test test-airflow test-package test-tfx test-tfx-nodes test-tfx-rest test-e2e test-e2e-runs test-e2e-stack check format compile wheel lock reference audit image-digests clean

# A shell may forbid compiled bytecode; every start of TensorFlow and Airflow would be two to four times as slow.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
AIRFLOW := .venv/airflow/bin
TFX := .venv/tfx/bin

# What each environment's own checks and tests look at.
AIRFLOW_CODE := $(wildcard plugins dags scripts data tests/support)
AIRFLOW_TESTS := $(wildcard tests/plugins tests/dags tests/scripts tests/data)
PACKAGE_TESTS := tests/package
TFX_CODE := tfx_modules $(wildcard benchmarks)
TFX_TESTS := tests/tfx_modules
# Those that start processes of their own; they wait a lot.
TFX_NODE_TESTS := $(TFX_TESTS)/node $(TFX_TESTS)/serving
E2E_TESTS := tests/e2e
# Those with a pipeline that trains in no time; the others start the stack as a user does.
E2E_RUN_TESTS := $(addprefix $(E2E_TESTS)/,test_celery.py test_notebook.py test_promotions.py test_refused_runs.py)

help:  ## List the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 16

setup:  ## Build both environments (done by the other commands where needed)
	@$(PYTHON) -m scripts.setup

setup-kubeflow:  ## Build the environment with kfp, which compiling for Kubeflow Pipelines needs
	@$(PYTHON) -m scripts.setup kubeflow

# Variables given on make's command line reach the scripts by environment. `exec` leaves no shell between make, which
# passes on the signal that ends it, and the script, which stops what it started.
demo: setup  ## Run the whole way once: DATE=2026-11-05 FEED=sample|imdb IMDB_ARCHIVE=path-or-address, ports as for up
	@exec $(AIRFLOW)/python -m scripts.demo

up: setup  ## Start the stack and stay until Ctrl-C: UI_PORT=8080 REST_PORT=8501 GRPC_PORT=8500, FEED as for demo
	@exec $(AIRFLOW)/python -m scripts.up

setup-notebook:  ## Build the environment of the notebook (done by the other commands where needed)
	@$(PYTHON) -m scripts.setup notebook

notebook: setup-notebook  ## Open the notebook in JupyterLab, on the loopback address alone
	@exec .venv/notebook/bin/jupyter lab --ip=127.0.0.1 notebooks/bert_sentiment.ipynb

screenshots: setup  ## Make docs/images/*.png anew from a stack of its own, in some 3 minutes (needs Chromium)
	@exec $(AIRFLOW)/python -m scripts.screenshots

docs:  ## Build the docs site into site/; a dead link, a dead anchor or a page without a place in it is an error
	@$(PYTHON) -m scripts.setup tools
	@NO_MKDOCS_2_WARNING=1 .venv/tools/bin/mkdocs build --strict

compile: setup  ## Compile the TFX pipeline into dags/compiled (the running stack does so by itself)
	@PYTHONPATH=plugins exec $(AIRFLOW)/python -m airflow_bert_service.cli compile

wheel: setup  ## Build the wheel for somebody's own Airflow into dist/
	@exec $(AIRFLOW)/python -m scripts.wheel

check: setup docs  ## Check format, lint, complexity, layers, types and the docs
	$(AIRFLOW)/ruff format --check .
	$(AIRFLOW)/ruff check .
	PYTHONPATH=plugins:. .venv/tools/bin/lint-imports --config=.importlinter
	$(AIRFLOW)/mypy $(AIRFLOW_CODE) $(AIRFLOW_TESTS) $(PACKAGE_TESTS) $(E2E_TESTS)
	$(TFX)/mypy $(TFX_CODE) $(TFX_TESTS)

format: setup  ## Format the code, and mend what lint can mend
	$(AIRFLOW)/ruff format .
	$(AIRFLOW)/ruff check --fix .

# Tests wait for processes more than they compute: three parts at a time keep two cores busy. Each prints as it goes, every
# line with the part's name before it; those of the whole stack, which wait most, come first. Set-up and compiling are done
# by then (--old-file), so that no part waits for them.
# pytest's exit codes count as they are: no room may be without tests, so "no tests ran" (5) is a failure too.
TEST_JOBS ?= 3
TEST_PARTS := test-e2e-stack test-e2e-runs test-package test-tfx-rest test-airflow test-tfx-nodes
PYTEST = -m pytest $(1)$(if $(SIDE_BY_SIDE), 2>&1 | sed --unbuffered 's/^/$@: /'; exit $${PIPESTATUS[0]})

test: setup setup-kubeflow setup-notebook compile  ## Run all tests, TEST_JOBS=3 parts of them at a time
	@$(MAKE) --no-print-directory --jobs=$(TEST_JOBS) --keep-going --old-file=setup --old-file=setup-kubeflow --old-file=setup-notebook --old-file=compile SIDE_BY_SIDE=1 $(TEST_PARTS)

test-airflow: compile  ## Run the Airflow side's tests
	$(AIRFLOW)/python $(call PYTEST,$(AIRFLOW_TESTS))

test-package: setup  ## Build the wheel, and use it in a fresh Airflow of its own with an empty home
	$(AIRFLOW)/python $(call PYTEST,$(PACKAGE_TESTS))

test-tfx: setup setup-kubeflow  ## Run the TFX side's tests
	$(TFX)/python $(call PYTEST,$(TFX_TESTS))

test-tfx-nodes: setup  ## Run the half of them that starts nodes and servers
	$(TFX)/python $(call PYTEST,$(TFX_NODE_TESTS))

test-tfx-rest: setup setup-kubeflow  ## Run the other half
	$(TFX)/python $(call PYTEST,$(TFX_TESTS) $(addprefix --ignore=,$(TFX_NODE_TESTS)))

test-e2e: setup setup-notebook  ## Run the tests that start the whole stack and train
	$(AIRFLOW)/python $(call PYTEST,$(E2E_TESTS))

test-e2e-stack: setup  ## Run the half of them that starts it as a user does
	$(AIRFLOW)/python $(call PYTEST,$(E2E_TESTS) $(addprefix --ignore=,$(E2E_RUN_TESTS)))

test-e2e-runs: setup setup-notebook  ## Run the other half, where training takes no time
	$(AIRFLOW)/python $(call PYTEST,$(E2E_RUN_TESTS))

stack-test: setup  ## Build the images, run the container stack, harm it and see that nothing is lost (needs Docker, root)
	@exec $(AIRFLOW)/python -m scripts.stack_test

lock:  ## Write the lock files anew from requirements/*.in (UPGRADE=1 takes newer versions)
	@$(PYTHON) -m scripts.setup.lock $(if $(UPGRADE),--upgrade)

reference: setup  ## Write the tables of the settings and the provider metadata anew from the settings' declarations
	@$(AIRFLOW)/python -m scripts.provider_config
	@$(AIRFLOW)/python -m scripts.settings_docs

audit: setup  ## List the known advisories of the locked packages (asks OSV; AUDIT_DATA=FOLDER reads a copy of advisories)
	@exec $(AIRFLOW)/python -m scripts.audit

image-digests: setup  ## Look up the digests of the images' tags, and write them where the images are named (needs Docker)
	@exec $(AIRFLOW)/python -m scripts.image_digests

clean:  ## Remove environments, state and caches
	rm -rf .venv var site dist dags/compiled dags/bert_pipelines/*/compiled .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
