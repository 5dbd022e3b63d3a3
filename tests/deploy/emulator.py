"""An emulator of AWS on a free port of this machine, and the stacks on it. `aws.py` says how it differs from AWS."""

import io
import json
import os
import socket
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from template import CODE_BUCKET, REGION, source_with_code


@dataclass
class Stack:
    name: str
    status: str
    reason: str
    outputs: dict = field(default_factory=dict)
    resources: dict = field(default_factory=dict)


class Emulator:
    def __init__(self, folder, binaries):
        """`binaries`: by logical id, the file that AWS Lambda starts for a function."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "ministack.log"
        # No Docker: functions run as processes.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LIVECHAT_"))}
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
            "AWS_ENDPOINT_URL": self.url,  # for the functions
            "AUTH": "true",  # the functions only have the permissions of their roles
            "TMPDIR": str(folder),
            "LOG_LEVEL": "WARNING",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("aws.py")], cwd=folder, env=inherited | settings, stdout=log, stderr=log
            )
        self._wait_for(port)
        s3 = self.client("s3")
        s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for name, binary in binaries.items():
            s3.put_object(Bucket=CODE_BUCKET, Key=f"{name}.zip", Body=_zipped(binary))

    def _wait_for(self, port):
        deadline = time.monotonic() + 120
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"ministack did not start:\n{self._log.read_text()}") from None
                time.sleep(0.1)

    def stop(self):
        self._process.terminate()
        self._process.wait(60)

    def environment(self):
        """The environment variables with which tools of AWS use this emulator."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")

    def validate(self, parameters):
        """A refusal raises botocore's ClientError. Nothing is created."""
        change_set = {"StackName": "validated", "ChangeSetName": "validated", "ChangeSetType": "CREATE"}
        cloudformation = self.client("cloudformation")
        cloudformation.create_change_set(**change_set, **self._template_with(parameters))
        cloudformation.delete_stack(StackName="validated")

    def _template_with(self, parameters):
        # From S3, as `sam deploy` does: in the call itself, a template may have at most 51 200 bytes.
        self.client("s3").put_object(Bucket=CODE_BUCKET, Key="template.json", Body=json.dumps(source_with_code()).encode())
        return {
            "TemplateURL": f"{self.url}/{CODE_BUCKET}/template.json",
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        }

    def create(self, name, parameters):
        """Creates a stack and waits for it. A refusal raises botocore's ClientError."""
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(StackName=name, **self._template_with(parameters))
        deadline = time.monotonic() + 300
        while (stack := cloudformation.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"].endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The stack {name} is still in {stack['StackStatus']}.")
            time.sleep(0.1)
        return self.stack(name)

    def stack(self, name):
        """A stack, whoever created it."""
        cloudformation = self.client("cloudformation")
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        reasons = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for page in pages
            for event in page["StackEvents"]
            if "FAILED" in event["ResourceStatus"]
        ]
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return Stack(
            name,
            stack["StackStatus"],
            "; ".join(reasons),
            {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
            {one["LogicalResourceId"]: (one["ResourceType"], one["PhysicalResourceId"]) for one in resources},
        )


def _zipped(binary):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.write(binary, "bootstrap")
    return archive.getvalue()
