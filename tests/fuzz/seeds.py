"""Writes the seed corpus of the fuzzer: the events of events/, the bodies in them, and unsigned tokens.

usage: seeds.py FOLDER
"""

import base64
import json
import sys
from pathlib import Path

EVENTS = Path(__file__).parents[2] / "events"

HEADER = {"alg": "EdDSA", "typ": "at+jwt", "kid": "key"}
CLAIMS = {
    "iss": "https://issuer",
    "aud": "orders",
    "sub": "USER-001",
    "scope": "orders:read orders:write",
    "iat": 1795341600,
    "nbf": 1795341600,
    "exp": 1795345200,
}
TUTORIAL = {"user_id": "USER-001", "product_id": "PROD-123", "quantity": 2, "amount": 199.99}
LIST = {"user_id": "USER-001", "items": [{"product_id": "PROD-123", "quantity": 2}], "payment_token": "tok_approve"}
PRODUCT = {"name": "Widget", "unit_price": 99.995, "currency": "USD", "shards": 2}
MOVEMENT = {"movement_id": "DELIVERY-17", "kind": "received", "quantity": 9, "reason": "delivery 17"}
RECORD = {"movement": MOVEMENT, "recorded_by": "CLERK"}


def tokens():
    """The signing method, header and claims of a token, in the format of targets/token.rs."""
    for method in "ihn":
        yield f"{method}{json.dumps(HEADER)}\n{json.dumps(CLAIMS)}\nsignature"
    for change in ({"alg": "none"}, {"alg": "HS256"}, {"jku": "https://issuer"}, {"crit": ["exp"]}, {"typ": "JWT"}):
        yield f"i{json.dumps(HEADER | change)}\n{json.dumps(CLAIMS)}"
    for change in (
        {"exp": 0},
        {"nbf": 9e9},
        {"aud": ["x", "orders"]},
        {"iss": "x"},
        {"iss": ["https://issuer"]},
        {"sub": 1},
        {"exp": "1"},
    ):
        yield f"i{json.dumps(HEADER)}\n{json.dumps(CLAIMS | change)}"
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (HEADER, CLAIMS))
    yield "." + ".".join([*encoded, "signature"])


def bodies():
    """The bodies of requests, and the values of Kafka records and SQS messages."""
    yield from map(json.dumps, (TUTORIAL, LIST, PRODUCT, MOVEMENT, RECORD))
    for event in map(json.loads, events()):
        if body := event.get("body"):
            yield base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
        if isinstance(records := event.get("records"), dict):
            yield from (base64.b64decode(record["value"]).decode() for batch in records.values() for record in batch)
        yield from (record["body"] for record in event.get("Records", []) if "body" in record)


def events():
    """The sample events of all functions, without whitespace."""
    for path in sorted(EVENTS.glob("*.json")):
        yield json.dumps(json.loads(path.read_text()), separators=(",", ":"))


def texts():
    """Other inputs that are text: Idempotency-Keys, and a query with a cursor."""
    yield from ('"8e03978e-40d5-43e8-bc93-6894a57f9324"', '"a \\"b\\" \\\\"', "key")
    cursor = base64.urlsafe_b64encode(b"2026-11-22T10:00:00.123456789Z 019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77")
    yield f"limit=5&cursor={cursor.decode().rstrip('=')}"


def main():
    seeds = {"token": tokens(), "body": bodies(), "event": [*events(), *texts()]}
    for target, inputs in seeds.items():
        folder = Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, text in enumerate(inputs):
            (folder / f"{number:02}").write_text(text)


if __name__ == "__main__":
    main()
