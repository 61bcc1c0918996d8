"""Checks both configurations of the OpenTelemetry Collector with a real one, and runs it."""

import contextlib
import json
import os
import re
import subprocess
import urllib.request

from backend import Backend
from process import ROOT, free_ports, report, start

OTELCOL = ROOT / ".tools/otelcol/otelcol"
CONTAINER_FILE = ROOT / "localstack/collector/collector.yaml"
LAYER_FILE = ROOT / "crates/telemetry/collector/collector.yaml"


def check(folder):
    # The processor `decouple` is in the layer's build of the collector only.
    layer_file = folder / "layer.yaml"
    layer_file.write_text(re.sub(r"^  decouple:$|, decouple(?=\])", "", LAYER_FILE.read_text(), flags=re.MULTILINE))
    backend_port, port = free_ports(2)
    layer = os.environ | {
        "OTLP_BACKEND_ENDPOINT": f"http://127.0.0.1:{backend_port}", "OTLP_BACKEND_AUTHORIZATION": "Bearer x",
    }
    for source, file in [(CONTAINER_FILE, CONTAINER_FILE), (LAYER_FILE, layer_file)]:
        subprocess.run([OTELCOL, "validate", "--config", file], env=layer, check=True)
        report(f"the OpenTelemetry Collector accepts {source.relative_to(ROOT)}")
    with Backend(backend_port) as backend, contextlib.ExitStack() as cleanup:
        run("layer", layer_file, port, cleanup, environment=layer)
        check_redaction(port, backend)
    report("the layer's configuration deletes personal data, and nothing else")


def check_redaction(port, backend):
    attributes = {"client.address": "redact-1", "user.email": "redact-2", "http.request.header.authorization": "redact-3",
                  "http.route": "keep-1", "order.id": "keep-2"}
    values = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    span = {"traceId": "01" * 16, "spanId": "02" * 8, "name": "a span", "kind": 2, "attributes": values}
    export = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/traces", json.dumps(export).encode(), {"content-type": "application/json"})
    # Without a queue, the collector answers after it has exported.
    urllib.request.urlopen(request, timeout=10).close()
    arrived = sorted(re.findall(rb"redact-\d|keep-\d", backend.received))
    assert arrived == [b"keep-1", b"keep-2"], arrived


def run(name, file, port, cleanup, options=(), environment=None):
    """Runs the collector with its OTLP receiver on a port of the loopback interface."""
    listen = f"--set=receivers::otlp::protocols::http::endpoint=127.0.0.1:{port}"
    start(f"collector-{name}", [OTELCOL, f"--config={file}", listen, *options], port, cleanup, environment)
