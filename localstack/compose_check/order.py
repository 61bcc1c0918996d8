"""Runs the stack with localstack/compose.sh and places an order."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

from process import ROOT, report, stop, wait_until

LOCAL_STACK = ROOT / "target/debug/local-stack"
ORDER = {"user_id": "USER-001", "product_id": "PROD-123", "quantity": 2, "amount": 199.99}

# The first and the last span of an order.
SPANS = ["POST /api/orders", "process notification-jobs"]


def place(environment, spans):
    """Places an order, waits until `spans` returns both spans for its trace, and stops the stack with Ctrl-C."""
    command = [ROOT / "localstack/compose.sh", LOCAL_STACK, "up"]
    stack = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        usage = "".join(until_usage_ends(stack))
        viewer = f"http://127.0.0.1:{environment['VIEWER_PORT']}"
        assert re.search(rf"^Traces +{viewer}$", usage, re.MULTILINE), usage
        trace_id = post(f"http://127.0.0.1:{environment['API_PORT']}/api/orders")
        wait_until(f"the spans {SPANS} of the order", lambda: set(SPANS) <= set(spans(trace_id)), stack)
        report("an order was confirmed and its notification delivered, and the spans arrived behind the collector")
    finally:
        threading.Thread(target=stack.stdout.read, daemon=True).start()
        status = stop(stack, signal.SIGINT)
    assert status == 0, f"localstack/compose.sh ended with status {status}"


def until_usage_ends(stack):
    """The lines that the stack prints until it is ready. The progress is printed here too, but not the token."""
    progress = True
    for line in stack.stdout:
        progress = progress and line != "\n"
        if progress:
            print("  |", line, end="", flush=True)
        yield line
        if line.startswith("Ctrl-C stops"):
            return
    sys.exit(f"error: the stack did not start (exit status {stack.wait()})")


def post(url):
    """Places the order; returns the id of its trace."""
    token = subprocess.run([LOCAL_STACK, "token"], check=True, capture_output=True, text=True).stdout.strip()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(ORDER).encode(), headers)
    with urllib.request.urlopen(request, timeout=40) as response:
        status = json.load(response)["status"]
        assert status == "CONFIRMED", status
        return response.headers["x-trace-id"]


def spans_in_jaeger(port, trace_id):
    """The names of the spans of a trace, and of notification-delivery, whose trace is only linked to the order's."""
    names = []
    for query in [f"/{trace_id}", "?service=notification-delivery"]:
        # Jaeger answers 404 as long as it has no span of the trace.
        with contextlib.suppress(urllib.error.HTTPError):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/traces{query}", timeout=10) as response:
                traces = json.load(response)["data"]
            names += [span["operationName"] for trace in traces for span in trace["spans"]]
    return names
