# The commands of this repository; `make` alone lists them. Tools are installed into .tools/ and logs are written to .local/.
# git ignores both, and `make clean` removes them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Variables on the command line (API_PORT=9001) reach the program; flags go into ARGS (ARGS=--keep).
ARGS ?=
# The seed of every test that draws random input.
SEED ?= 1
LOCAL_STACK := target/debug/local-stack

VENV := .tools/venv
VENV_DONE := $(VENV)/.done
SAM := .tools/sam
SAM_DONE := $(SAM)/.done
KAFKA := .tools/kafka
KAFKA_DONE := $(KAFKA)/.done
CARGO_FUZZ := .tools/bin/cargo-fuzz
OTELCOL := .tools/otelcol
OTELCOL_DONE := $(OTELCOL)/.done

# COMPOSE=1: in place of the native emulators, use the containers of localstack/compose.yaml (docs/compose.md).
COMPOSE ?=
IN_COMPOSE := $(if $(filter-out 0,$(COMPOSE)),localstack/compose.sh)
ZIG := .tools/zig
ZIG_DONE := $(ZIG)/.done

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Start the stack, place one order, print its notification and its complete trace, stop everything (ARGS=--keep: keep it running)
	@$(LOCAL_STACK) demo $(ARGS)

.PHONY: up
up: build ## Start the stack and keep it running until Ctrl-C; ARGS=--help lists ports and settings, COMPOSE=1 uses Docker
	@$(IN_COMPOSE) $(LOCAL_STACK) up $(ARGS)

.PHONY: dev
dev: build ## Start everything but the functions, for `cargo lambda watch`, and print how to run it (docs/cargo-lambda.md)
	@$(IN_COMPOSE) $(LOCAL_STACK) dev $(ARGS)

.PHONY: token
token: build ## Print a bearer token; ARGS="--user USER-002 --scope orders:read --lifetime 600"
	@$(LOCAL_STACK) token $(ARGS)

.PHONY: replay-parked
replay-parked: build ## Let notification handle its parked records again, on the running local stack, or on AWS (NOTIFICATION_FUNCTION=<name>)
	@$(LOCAL_STACK) replay-parked $(ARGS)

.PHONY: test
test: build ## Run every test: unit, integration, end to end, documentation
	@cargo test --workspace --locked

.PHONY: e2e
e2e: build ## Run the end-to-end tests only; ARGS=<name> selects some, ARGS=--list lists them, AWS_ENDPOINT_URL=… uses a running emulator
	@cargo test --workspace --locked --test e2e -- $(ARGS)

# Part of `make test` too.
.PHONY: e2e-cloudformation
e2e-cloudformation: build ## Deploy template.yaml to a MiniStack through CloudFormation, which runs the functions, and place an order there
	@cargo test --workspace --locked --test emulator -- --nocapture cloudformation

# `sam local`, which needs a Docker Engine.
.PHONY: sam-invoke
sam-invoke: build $(SAM_DONE) ## Invoke FUNCTION=order in a container with its sample event, or EVENT=<file> (docs/sam-local.md)
	@$(LOCAL_STACK) sam invoke "$(FUNCTION)" $(if $(EVENT),--event "$(EVENT)") $(ARGS)

.PHONY: sam-start-api
sam-start-api: build $(SAM_DONE) ## Serve the API with the gateway in a container until Ctrl-C; SAM_PORT=3000
	@$(LOCAL_STACK) sam start-api $(ARGS)

.PHONY: sam-start-lambda
sam-start-lambda: build $(SAM_DONE) ## Serve the Lambda Invoke API with every function in a container until Ctrl-C; SAM_PORT=3001
	@$(LOCAL_STACK) sam start-lambda $(ARGS)

.PHONY: sam-local-test
sam-local-test: build ## Run every function and an order through `sam local`; without a Docker Engine, say that this is skipped
	@! docker version >/dev/null 2>&1 || $(MAKE) --no-print-directory sam-tools
	@target/debug/sam-local

.PHONY: sam-tools
sam-tools: $(SAM_DONE) ## Install AWS's SAM CLI into .tools/

EXAMPLES ?= 750
.PHONY: schemathesis
schemathesis: build ## Start the stack and send its API over 10,000 generated requests, EXAMPLES=750 per operation; SEED=1
	@target/debug/schemathesis --examples $(EXAMPLES) --seed $(SEED) $(ARGS)

# Built separately, with the fuzzer's instrumentation. Inputs that were found stay in .local/fuzz, so that the next run continues.
TARGET ?= token body event
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Fuzz each TARGET="token body event" for FUZZ_SECONDS=60; a crash prints how to reproduce it
	@python3 tests/fuzz/seeds.py .local/fuzz/seeds
	@for target in $(TARGET); do \
	  mkdir -p .local/fuzz/corpus/$$target; \
	  $(CARGO_FUZZ) fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none --debug-assertions $$target \
	    .local/fuzz/corpus/$$target .local/fuzz/seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=4096 \
	    -dict=tests/fuzz/$$target.dict; \
	done

.PHONY: compose-check
compose-check: build $(OTELCOL_DONE) ## Check localstack/compose.yaml: start its Kafka and collector natively, and place an order; ARGS=--docker uses the containers
	@$(VENV)/bin/python -B localstack/compose_check $(ARGS)

# An optimised build, because a million orders make about fifty million database calls.
ORDERS ?= 100000
.PHONY: simulate
simulate: $(VENV_DONE) ## Simulate ORDERS=100000 orders while everything fails at random, and check every invariant (SEED=1, ARGS=--help)
	@cargo run --locked --profile simulate --package simulator -- --orders $(ORDERS) --seed $(SEED) $(ARGS)

# An optimised build, with the telemetry crate's examples, whose sizes are compared.
BENCH := target/release/bench-telemetry
.PHONY: bench-telemetry
bench-telemetry: tools ## Measure what telemetry costs, on and off in one run, as markdown tables (ARGS=--help)
	@test -x $(BENCH) || echo "building everything with optimisations (the first time: ten minutes and more)" >&2
	@cargo build --release --workspace --bins --examples --locked
	@$(BENCH) $(ARGS)

# One compilation for all functions, in the layout of `sam build`. zig links against the glibc of Lambda's runtime, whatever
# this machine has.
ARCH ?=
SIZE_LIMIT_MB ?= 24
SAM_BUILD := python3 -B localstack/sam_build.py $(if $(ARCH),--arch $(ARCH)) --limit-mb $(SIZE_LIMIT_MB)
.PHONY: sam-build
sam-build: $(VENV_DONE) $(ZIG_DONE) ## Build every function for AWS into .aws-sam/build (ARCH=x86_64, SIZE_LIMIT_MB=24), with a bill of materials
	@$(SAM_BUILD)

.PHONY: sam-build-check
sam-build-check: $(VENV_DONE) $(ZIG_DONE) ## The same twice, in two folders, and compare the binaries
	@$(SAM_BUILD) --check

# The picture in the README. Needs Chromium (CHROMIUM=/path/to/it), and the default ports.
.PHONY: screenshot
screenshot: build ## Start the stack, place one order and write the picture of its trace to docs/images/trace.png
	@localstack/screenshot.sh $(LOCAL_STACK) docs/images/trace.png

.PHONY: lint
lint: $(VENV_DONE) ## Check formatting and run clippy, as CI does
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: fmt
fmt: ## Format the code
	@cargo fmt --all

.PHONY: build
build: tools ## Build every function and the local stack
	@test -x $(LOCAL_STACK) || echo "building the functions and the local stack (the first time: several minutes)" >&2
	@cargo build --workspace --bins --locked

.PHONY: tools
tools: $(VENV_DONE) $(if $(KAFKA_BOOTSTRAP_SERVERS)$(IN_COMPOSE),,$(KAFKA_DONE)) ## Install the pinned tools into .tools/
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }

.PHONY: clean
clean: ## Remove everything that was built, installed or logged
	rm -rf target .tools .local .aws-sam

$(CARGO_FUZZ):
	@echo "installing cargo-fuzz into .tools/bin (may take a few minutes)" >&2
	@cargo install --quiet --locked --root .tools cargo-fuzz --version 0.13.2

# For `make sam-build` only, because it has 380 MB.
$(ZIG_DONE):
	@echo "installing zig into $(ZIG) (may take a minute)" >&2
	@rm -rf $(ZIG)
	@python3 -m pip install --quiet --disable-pip-version-check --no-deps --target $(ZIG) ziglang==0.15.2
	@touch $@

# A tool folder is complete when its .done file exists: an interrupted installation is repeated.

$(VENV_DONE): localstack/requirements.txt
	@python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer with venv is missing: apt-get install python3-venv, or brew install python" >&2; exit 1; }
	@echo "installing MiniStack, rotel, cargo-lambda, protoc and schemathesis into $(VENV) (may take a minute)" >&2
	@rm -f $@
	@python3 -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

$(SAM_DONE): localstack/sam/requirements.txt | $(VENV_DONE)
	@echo "installing AWS's SAM CLI into $(SAM) (may take a minute)" >&2
	@rm -f $@
	@python3 -m venv --clear $(SAM)
	@$(SAM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

$(KAFKA_DONE): localstack/kafka/pom.xml
	@test "$$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' || true)" -ge 17 2>/dev/null || { \
	  echo "Java 17 or newer is missing: apt-get install maven (brings Java), or brew install openjdk and put it on the PATH; or set KAFKA_BOOTSTRAP_SERVERS to a running broker" >&2; exit 1; }
	@command -v mvn >/dev/null || { echo "Maven is missing: apt-get install maven, or brew install maven" >&2; exit 1; }
	@echo "installing Apache Kafka into $(KAFKA) (may take a minute)" >&2
	@rm -rf $(KAFKA)
	@mvn --quiet --batch-mode -Dstyle.color=never --file $< dependency:copy-dependencies
	@touch $@

# The collector is compiled from source, because its releases are not in any package registry.
$(OTELCOL_DONE): localstack/collector/builder.yaml
	@command -v go >/dev/null || { echo "Go 1.25 or newer is missing: install it from https://go.dev/dl" >&2; exit 1; }
	@echo "building the OpenTelemetry Collector into $(OTELCOL) (the first time: several minutes)" >&2
	@rm -rf $(OTELCOL)
	@mkdir -p .local/logs $(OTELCOL)
	@go run go.opentelemetry.io/collector/cmd/builder@v$$(sed -n 's/^  version: //p' $<) --config $< >.local/logs/otelcol-build.log 2>&1 || { \
	  cat .local/logs/otelcol-build.log >&2; exit 1; }
	@touch $@
