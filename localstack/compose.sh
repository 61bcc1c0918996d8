#!/usr/bin/env bash
# Starts the containers of compose.yaml, runs a command against them, and removes them when the command ends, however it
# ends: `localstack/compose.sh target/debug/local-stack up`. The Makefile calls it for COMPOSE=1.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "error: $1; or run without COMPOSE=1, which needs no Docker" >&2; exit 1; }
docker compose version >/dev/null 2>&1 || fail "Docker with its compose plugin is missing: https://docs.docker.com/get-started/get-docker"
docker version >/dev/null 2>&1 || fail "the Docker Engine does not respond: start it, and check that \`docker version\` works"

export AWS_PORT=${AWS_PORT:-4566} KAFKA_PORT=${KAFKA_PORT:-9092} OTLP_PORT=${OTLP_PORT:-4318} VIEWER_PORT=${VIEWER_PORT:-16686}
compose() { docker compose --file localstack/compose.yaml "$@"; }

# Ctrl-C reaches every process of the terminal's foreground group; a signal from `kill` reaches this one only.
child=
stop_child() { if [[ -n $child ]]; then kill -TERM "$child" 2>/dev/null || true; fi; }
trap stop_child TERM HUP
remove_containers() {
  trap '' INT TERM HUP
  echo "removing the containers"
  compose down --volumes --remove-orphans --timeout 2 ||
    echo "error: containers may be left: AWS_PORT=$AWS_PORT docker compose --file localstack/compose.yaml down --volumes" >&2
}
trap remove_containers EXIT

echo "starting LocalStack, Kafka, the collector and Jaeger in containers (the first time, their images are downloaded)"
compose up --detach --wait --wait-timeout 300 || { compose logs --tail 20 >&2 || true; exit 1; }

export AWS_ENDPOINT_URL=http://127.0.0.1:$AWS_PORT KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:$KAFKA_PORT
export OTLP_ENDPOINT=http://127.0.0.1:$OTLP_PORT VIEWER_URL=http://127.0.0.1:$VIEWER_PORT
# In the background, so that this shell can pass signals on. A signal also ends `wait`, so it is repeated.
"$@" & child=$!
trap : INT
while kill -0 "$child" 2>/dev/null; do wait "$child" || true; done
wait "$child"
