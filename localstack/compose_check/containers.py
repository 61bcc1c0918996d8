"""Runs natively what the containers of localstack/compose.yaml run, on the ports that they publish."""

import os
import re
import subprocess
import sys

import yaml

import collector
from process import COMPOSE_FILE, ROOT, free_ports, report, start


def start_natively(environment, folder, cleanup):
    services = compose_file(environment)["services"]
    jaeger = f"--set=exporters::otlp_http/jaeger::endpoint=http://127.0.0.1:{environment['VIEWER_PORT']}"
    collector.run("container", collector.CONTAINER_FILE, environment["OTLP_PORT"], cleanup, [jaeger])
    report("the collector runs with the configuration of its container")
    start_kafka(services["kafka"], environment["KAFKA_PORT"], folder, cleanup)
    report("Kafka runs with the configuration of its container")
    ministack = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": environment["AWS_PORT"], "MINISTACK_REGION": "eu-central-1"}
    start("ministack", [sys.executable, "-m", "ministack"], environment["AWS_PORT"], cleanup, os.environ | ministack)


def start_kafka(service, port, folder, cleanup):
    """Prepares the broker's settings with the program of its image, which comes with Kafka, and starts the broker."""
    mounted = service["volumes"][0].split(":")[0]
    settings, defaults = folder / "kafka-settings", folder / "kafka-defaults"
    settings.mkdir()
    defaults.mkdir()
    variables = service["environment"] | {"KAFKA_LOG_DIRS": str(folder / "kafka"), "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw"}
    # In the container, nothing else can listen on the controller's port.
    controller = re.search(r"CONTROLLER://([\w.]+:\d+)", variables["KAFKA_LISTENERS"])[1]
    free = f"127.0.0.1:{free_ports(1)[0]}"
    environment = os.environ | {name: value.replace(controller, free) for name, value in variables.items()}
    java = ["java", variables["KAFKA_HEAP_OPTS"], f"-Dlog4j2.configurationFile={settings}/log4j2.yaml"]
    java += ["-cp", f"{ROOT}/.tools/kafka/lib/*"]
    subprocess.run([
        "java", *java[3:], "kafka.docker.KafkaDockerWrapper", "setup", "--default-configs-dir", defaults,
        "--mounted-configs-dir", COMPOSE_FILE.parent / mounted, "--final-configs-dir", settings,
    ], env=environment, check=True, stdout=subprocess.DEVNULL)
    start("kafka", [*java, "kafka.Kafka", settings / "server.properties"], port, cleanup)


def compose_file(environment):
    """The file as docker compose reads it: with the values of its variables, ${NAME:-default}."""
    text = re.sub(r"\$\{(\w+):-(\w+)\}", lambda match: environment.get(match[1], match[2]), COMPOSE_FILE.read_text())
    return yaml.safe_load(text)


def replace_docker(environment, folder):
    """Puts a program `docker` on the PATH that only writes down how it is called. Returns the file that it writes."""
    program, calls = folder / "bin/docker", folder / "docker-calls"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho " $* " >> "{calls}"\n')
    program.chmod(0o755)
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    return calls
