# Every target makes the environment it needs; `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON := .venv/bin/python

.PHONY: help setup setup-sharded setup-s3 setup-align setup-encoders setup-docs setup-dev setup-server setup-ui demo align-demo test fault-test fuzz test-all cluster-test stack-test ui-test screenshots order check docs bench bench-quick up clean

help: ## what can be made
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

setup: ## the environment in .venv with the command lis, and Java
	@scripts/setup.sh

setup-sharded: ## that, and what training in several processes needs
	@scripts/setup.sh sharded

setup-s3: ## the environment, and what writing to s3:// needs
	@scripts/setup.sh s3

setup-align: ## the environment, and what encoders of transformers need
	@scripts/setup.sh align

setup-encoders: ## that, and pretrained weights of MiniLM and EfficientNet
	@scripts/setup.sh encoders

setup-docs:
	@scripts/setup.sh docs

setup-dev:
	@scripts/setup.sh dev

setup-server:
	@scripts/setup.sh server

setup-ui:
	@scripts/setup.sh ui

demo: setup ## a LIS on the simulated feed: Airflow, Spark, torch, MLflow
	@scripts/demo.sh

align-demo: setup ## what aligning an encoder brings on that feed, after its LIS
	@scripts/align_demo.sh

# Two processes of one thread each: more would wait for one another on two cores.
PYTEST = source scripts/env.sh && OMP_NUM_THREADS=1 $(PYTHON) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: setup-dev ## the tests but those of the next two targets
	@$(PYTEST) -m "not slow and not fault"

fault-test: setup-dev ## processes are killed, disks are full; what they leave is looked at
	@$(PYTEST) -m fault

fuzz: setup-dev ## files, command lines, forms and logs that no one should give, by the thousand
	@export LIS_FUZZ=full LIS_RANDOM_LOGS=10000 && $(PYTEST) tests/jobs/scenarios/test_hostile_files.py \
	  tests/jobs/cli/test_hostile_commands.py tests/plugins/test_hostile_forms.py tests/reader_cases/test_random_logs.py

test-all: setup-dev setup-sharded ## every test, as before a release
	@$(PYTEST)

cluster-test: setup-dev ## the daily DAG on a Spark master and two workers, beside local Spark
	@source scripts/env.sh && OMP_NUM_THREADS=1 $(PYTHON) -m pytest tests/cluster

stack-test: setup-server ## the services of docker-compose.yaml without Docker: logins, kills, restarts
	@source scripts/env.sh && OMP_NUM_THREADS=1 $(PYTHON) -m pytest tests/stack

ui-test: setup-ui ## forms, runs and reports in a headless browser, on what the demo leaves
	@source scripts/env.sh && { [ -f "$$LIS_DATA/reports/simulated_feed/latest.html" ] || scripts/demo.sh; }
	@source scripts/env.sh && $(PYTHON) -m pytest tests/ui

screenshots: setup-ui ## the pictures of docs/images, of what the demo leaves
	@source scripts/env.sh && $(PYTHON) -m scripts.screenshots

check: setup-dev ## linter, formatter, types, dead code
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy --num-workers 2
	@$(PYTHON) -m vulture

docs: setup-docs ## the pages of docs/ as a web site in site/
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet --site-dir site

order: setup ## whether the order of LIS predicts that of AIS, on the simulated feed
	@source scripts/env.sh && $(PYTHON) -m tests.benchmarks.order

bench-quick: setup ## speed of training and of statistics, in three minutes
	@$(PYTHON) -m tests.benchmarks.run train --quick
	@$(PYTHON) -m tests.benchmarks.statistics --rows 1000000

bench: setup ## speed beside TorchRec, FuxiCTR, scikit-learn and DuckDB
	@scripts/bench_setup.sh
	@$(PYTHON) -m tests.benchmarks.run train
	@$(PYTHON) -m tests.benchmarks.statistics
	@$(PYTHON) -m tests.benchmarks.modes
	@$(PYTHON) -m tests.benchmarks.scoring
	@$(PYTHON) -m tests.benchmarks.daily
	@$(PYTHON) -m tests.benchmarks.behaviour
	@$(PYTHON) -m tests.benchmarks.arrow_reading

up: setup ## Airflow and MLflow pages on 127.0.0.1
	@scripts/up.sh

clean: ## remove what can be made again, after a question; ALL=1: raw logs and MLflow's history too
	@scripts/clean.sh $(if $(filter 1,$(ALL)),all)
