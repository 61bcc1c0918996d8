#!/usr/bin/env python3
"""Deploys a SAM template to an AWS emulator through CloudFormation, as `sam deploy` does: uploads each function's folder as a
zip file, creates or updates the stack, waits, and prints the stack's outputs as JSON.

`sam deploy` works too, but sam's tools are 340 MB, and this needs only what MiniStack needs. Not for AWS: it signs with test
credentials.
"""

import argparse
import hashlib
import io
import json
import sys
import time
import zipfile
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "deployments"
# Longest time for creating or updating the stack.
DEADLINE_SECONDS = 120
# A function's binary compresses to a third of its size at every level, and the lowest is five times as fast.
COMPRESSION_LEVEL = 1


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("template", type=Path, help="a SAM template in JSON, whose CodeUris are folders")
    arguments.add_argument("--endpoint", required=True, help="the emulator's URL")
    arguments.add_argument("--region", required=True)
    arguments.add_argument("--stack-name", required=True)
    arguments.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    options = arguments.parse_args()

    session = boto3.Session("test", "test", region_name=options.region)
    # Without the proxies and timeouts of the user's configuration.
    config = Config(proxies={}, read_timeout=60, s3={"addressing_style": "path"})
    client = lambda service: session.client(service, endpoint_url=options.endpoint, config=config)
    template = json.loads(options.template.read_text())
    upload_code(template, client("s3"))
    parameters = [parameter.split("=", 1) for parameter in options.parameter]
    stack = deploy(client("cloudformation"), options.stack_name, template, parameters)
    print(json.dumps({output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}))


def upload_code(template: dict, s3) -> None:
    """Uploads the folder of each function, and refers to it there."""
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    for resource in template["Resources"].values():
        code = resource["Properties"].get("CodeUri")
        if isinstance(code, str):
            archive = zipped(Path(code))
            key = hashlib.sha256(archive).hexdigest()
            s3.put_object(Bucket=BUCKET, Key=key, Body=archive)
            resource["Properties"]["CodeUri"] = {"Bucket": BUCKET, "Key": key}


def zipped(folder: Path) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL) as file:
        for path in sorted(folder.iterdir()):
            file.write(path, path.name)
    return archive.getvalue()


def deploy(cloudformation, name: str, template: dict, parameters: list[list[str]]) -> dict:
    """Creates the stack, or updates it if it exists; returns its description once it is complete."""
    request = {
        "StackName": name,
        "TemplateBody": json.dumps(template),
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters],
    }
    try:
        cloudformation.create_stack(**request)
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        status = stack["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return stack
        if not status.endswith("_IN_PROGRESS") or "ROLLBACK" in status:
            sys.exit(f"error: the stack {name} is {status}\n" + "\n".join(failures(cloudformation, name)))
        if time.monotonic() > deadline:
            sys.exit(f"error: the stack {name} is still {status} after {DEADLINE_SECONDS} s")
        time.sleep(0.2)


def failures(cloudformation, name: str) -> list[str]:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in reversed(events) if event["ResourceStatus"].endswith("_FAILED")]
    return [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in failed]


if __name__ == "__main__":
    try:
        main()
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")
