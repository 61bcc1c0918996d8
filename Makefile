# Everything a person does with this repository; `make` alone lists it. Whatever is installed goes into .tools/, whatever runs
# leaves its logs in .local/: both are ignored by git, and `make clean` removes them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Variables given on the command line (API_PORT=9001) reach the program; flags go into ARGS (ARGS=--keep).
ARGS ?=
# What decides about everything that is tried by chance.
SEED ?= 1
LOCAL_STACK := target/debug/local-stack

VENV := .tools/venv
VENV_DONE := $(VENV)/.done
KAFKA := .tools/kafka
KAFKA_DONE := $(KAFKA)/.done
CARGO_FUZZ := .tools/bin/cargo-fuzz

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Start the stack, place one order, print its notification and its whole trace, stop everything (ARGS=--keep: stay up)
	@$(LOCAL_STACK) demo $(ARGS)

.PHONY: up
up: build ## Start the stack and stay up until Ctrl-C; ARGS=--help lists ports and settings
	@$(LOCAL_STACK) up $(ARGS)

.PHONY: token
token: build ## Print a bearer token; ARGS="--user USER-002 --scope orders:read --lifetime 600"; ARGS=--help
	@$(LOCAL_STACK) token $(ARGS)

.PHONY: test
test: build ## Run every test: unit, integration, end to end
	@cargo test --workspace --locked

.PHONY: e2e
e2e: build ## Run the end-to-end tests alone
	@cargo test --workspace --locked --test e2e

EXAMPLES ?= 750
.PHONY: schemathesis
schemathesis: build ## Start the stack and try its API: EXAMPLES=750 of each operation, over 10,000 requests; SEED=1
	@target/debug/schemathesis --examples $(EXAMPLES) --seed $(SEED) $(ARGS)

# Built with the fuzzer's instrumentation, apart from all else. What is found stays in .local/fuzz, so that the next run goes on.
TARGET ?= token body event
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Fuzz each TARGET="token body event" for FUZZ_SECONDS=60; a crash says how to see it again
	@python3 tests/fuzz/seeds.py .local/fuzz/seeds
	@for target in $(TARGET); do \
	  mkdir -p .local/fuzz/corpus/$$target; \
	  $(CARGO_FUZZ) fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none --debug-assertions $$target \
	    .local/fuzz/corpus/$$target .local/fuzz/seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=4096 \
	    -dict=tests/fuzz/$$target.dict; \
	done

# A build of its own, optimised: a million orders are some fifty million calls of a database.
ORDERS ?= 100000
.PHONY: simulate
simulate: $(VENV_DONE) ## Place ORDERS=100000 orders while everything fails by chance, and check every promise (SEED=1, ARGS=--help)
	@cargo run --locked --profile simulate --package simulator -- --orders $(ORDERS) --seed $(SEED) $(ARGS)

# An optimised build, with the examples of the telemetry crate, whose sizes are compared.
BENCH := target/release/bench-telemetry
.PHONY: bench-telemetry
bench-telemetry: tools ## Measure what telemetry costs, on and off in one run, as a markdown table (ARGS=--help)
	@test -x $(BENCH) || echo "building everything with optimisations (first time: ten minutes and more)" >&2
	@cargo build --release --workspace --bins --examples --locked
	@$(BENCH) $(ARGS)

.PHONY: lint
lint: $(VENV_DONE) ## Check formatting and run clippy, as CI does
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: fmt
fmt: ## Format the code
	@cargo fmt --all

# With one test target, because cargo then resolves features as for all tests: `make test` finds the dependencies built.
.PHONY: build
build: tools ## Build every function and the local stack
	@test -x $(LOCAL_STACK) || echo "building the functions and the local stack (first time: several minutes)" >&2
	@cargo build --workspace --bins --test e2e --locked

.PHONY: tools
tools: $(VENV_DONE) $(if $(KAFKA_BOOTSTRAP_SERVERS),,$(KAFKA_DONE)) ## Install the pinned tools into .tools/
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }

.PHONY: clean
clean: ## Remove everything that was built, installed or logged
	rm -rf target .tools .local

$(CARGO_FUZZ):
	@echo "installing cargo-fuzz into .tools/bin (may take some minutes)" >&2
	@cargo install --quiet --locked --root .tools cargo-fuzz --version 0.13.2

# A tool folder is finished when its .done file exists: an interrupted install is started over.

$(VENV_DONE): localstack/requirements.txt
	@python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer with venv is missing: apt-get install python3-venv, or brew install python" >&2; exit 1; }
	@echo "installing MiniStack, rotel, cargo-lambda, protoc and schemathesis into $(VENV) (may take a minute)" >&2
	@rm -f $@
	@python3 -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

$(KAFKA_DONE): localstack/kafka/pom.xml
	@test "$$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' || true)" -ge 17 2>/dev/null || { \
	  echo "Java 17 or newer is missing: apt-get install maven (brings Java), or brew install openjdk and put it on the PATH; or name a broker in KAFKA_BOOTSTRAP_SERVERS" >&2; exit 1; }
	@command -v mvn >/dev/null || { echo "Maven is missing: apt-get install maven, or brew install maven" >&2; exit 1; }
	@echo "installing Apache Kafka into $(KAFKA) (may take a minute)" >&2
	@rm -rf $(KAFKA)
	@mvn --quiet --batch-mode -Dstyle.color=never --file $< dependency:copy-dependencies
	@touch $@
