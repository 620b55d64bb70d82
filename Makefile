# One command per habit; .ci/run calls the same ones. Every command sets up what it needs first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo up test check format compile lock clean

# A shell may forbid compiled bytecode; every start of TensorFlow and Airflow would be two to four times as slow.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
AIRFLOW := .venv/airflow/bin
TFX := .venv/tfx/bin

help:  ## List the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

setup:  ## Build both environments (done by the other commands where needed)
	@$(PYTHON) -m scripts.setup

lock:  ## Write the lock files anew from requirements/*.in (UPGRADE=1 takes newer versions)
	@$(PYTHON) -m scripts.setup.lock $(if $(UPGRADE),--upgrade)

clean:  ## Remove environments, state and caches
	rm -rf .venv var dags/compiled .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
