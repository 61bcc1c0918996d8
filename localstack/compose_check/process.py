"""Starts, awaits and stops processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "localstack/compose.yaml"
LOGS = ROOT / ".local/compose-check"


def start(name, command, port, cleanup, environment=None):
    """Starts a server, waits until it listens, and leaves it to `cleanup` to stop it."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = open(LOGS / f"{name}.log", "w")
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    cleanup.callback(stop, process)
    wait_until(f"{name} to listen on port {port}; see {log.name}", lambda: listens(int(port)), process)


def stop(process, signal_number=signal.SIGTERM):
    """Signals a process and everything that it started, and kills them if they do not exit. Returns the exit status."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal_number)
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def wait_until(what, condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            sys.exit(f"error: a process exited while this program waited for {what}")
        if time.monotonic() > end:
            sys.exit(f"error: timed out after {seconds} s waiting for {what}")
        time.sleep(0.1)


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count):
    with contextlib.ExitStack() as held:
        listeners = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


def succeeds(command):
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def report(text):
    print("✓", text, flush=True)
