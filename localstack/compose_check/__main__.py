"""Checks localstack/compose.yaml and the files that it mounts, as far as that goes without its images.

`docker compose` checks the file, and a real OpenTelemetry Collector checks its own configuration and the Lambda layer's. Then
`localstack/compose.sh` runs the stack, as for `make up COMPOSE=1`, and an order is placed. Kafka and the collector run natively,
with the configuration of their containers. MiniStack stands in for LocalStack, and this program for Jaeger and for `docker`.
With --docker, everything is real.
"""

import argparse
import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

import collector
import containers
import order
from backend import Backend
from process import COMPOSE_FILE, free_ports, report, succeeds

PORTS = ["API_PORT", "AWS_PORT", "KAFKA_PORT", "OTLP_PORT", "VIEWER_PORT"]


def main():
    parser = argparse.ArgumentParser(prog="make compose-check", description=__doc__.splitlines()[0])
    parser.add_argument("--docker", action="store_true", help="run the real containers")
    docker = parser.parse_args().docker
    check_compose_file()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as cleanup:
        collector.check(Path(folder))
        ports = dict(zip(PORTS, free_ports(len(PORTS))))
        environment = os.environ | {name: str(port) for name, port in ports.items()}
        if docker:
            order.place(environment, lambda trace_id: order.spans_in_jaeger(ports["VIEWER_PORT"], trace_id))
        else:
            backend = cleanup.enter_context(Backend(ports["VIEWER_PORT"]))
            containers.start_natively(environment, Path(folder), cleanup)
            calls = containers.replace_docker(environment, Path(folder))
            order.place(environment, backend.spans)
            assert " down --volumes " in calls.read_text(), "the containers were not removed"
            report("the containers were removed")


def check_compose_file():
    if not succeeds(["docker", "compose", "version"]):
        return print("- skipped: `docker compose config`, because Docker's compose plugin is missing")
    subprocess.run(["docker", "compose", "--file", COMPOSE_FILE, "config", "--quiet"], check=True)
    report("docker compose accepts localstack/compose.yaml")


if __name__ == "__main__":
    main()
