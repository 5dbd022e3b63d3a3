"""The account: what the script creates there, `sam deploy`, and calls of the API."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

FUNCTIONS = {"GetToken": "getToken", "GetFreshToken": "getFreshToken", "HasToken": "hasToken", "Invalidate": "invalidate"}
ORIGIN = "https://www.example.com"
MACHINES = {62: "x86_64", 183: "arm64"}  # e_machine, ELF specification
GONE = ("ValidationError", "ResourceNotFoundException", "NoSuchEntity", "NoSuchBucket", "404", "NotFound", "NotFoundException")
NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


class Deployment:
    """What `sam deploy` did."""

    def __init__(self, stack, code, output, since, status, reasons):
        self.stack, self.code, self.output, self.status, self.reasons = stack, code, output, status, reasons
        self.since, self.seconds = since, round(time.time() - since, 1)

    def summary(self):
        return {
            "stack": self.stack,
            "exit_code": self.code,
            "seconds": self.seconds,
            "status": self.status,
            "reasons": self.reasons,
            "output": self.output[-1500:] if self.code else "",
        }

    def __str__(self):
        return f"sam deploy ended with {self.code}, the stack is in {self.status}: {'; '.join(self.reasons) or self.output[-300:]}"


class Account:
    def __init__(self, region, stack, folder, endpoint, cleanup):
        self.region, self.stack, self.endpoint, self.cleanup = region, stack, endpoint, cleanup
        self.emulated = bool(endpoint)
        self._clients, self._lock, self._processes, self.stopping = {}, threading.Lock(), set(), False
        self._session = boto3.Session(region_name=region)
        built = folder / ".aws-sam/build/template.yaml"
        self.template = built if built.exists() else folder / "template.yaml"
        self.architecture = self._architecture()
        # All stacks that the script may create. No other one is ever deleted.
        self.stacks = [stack, f"{stack}-wrong-key", f"{stack}-gateway", f"{stack}-deployer"]
        self.id = self.client("sts").get_caller_identity()["Account"]
        self.caller = self.client("sts").get_caller_identity()["Arn"]
        self.bucket = f"{stack}-{self.id}-{region}"
        self.secret_name, self.topic_name, self.role_name = f"{stack}-jwt", f"{stack}-alarms", f"{stack}-deployer"
        partition = self.caller.split(":")[1]
        self.topic = f"arn:{partition}:sns:{region}:{self.id}:{self.topic_name}"
        self.secret = secrets.token_urlsafe(48)

    def _architecture(self):
        """What the functions were built for. `sam deploy` does not know it."""
        bootstraps = [self.template.parent / name / "bootstrap" for name in FUNCTIONS]
        if missing := [str(one) for one in [self.template, *bootstraps] if not one.exists()]:
            raise SystemExit(f"{missing[0]} does not exist. Run `sam build` first, or start this in the unpacked archive of a release.")
        found = {MACHINES.get(int.from_bytes(one.read_bytes()[18:20], "little")) for one in bootstraps}
        if len(found) != 1 or found == {None}:
            raise SystemExit(f"The functions are built for {found}. Build all four for x86_64 or for arm64.")
        return found.pop()

    def client(self, service):
        with self._lock:
            if service not in self._clients:
                retries = Config(retries={"max_attempts": 5, "mode": "standard"}, connect_timeout=10, read_timeout=60)
                self._clients[service] = self._session.client(service, config=retries)
            return self._clients[service]

    # What the script creates

    def leftovers(self):
        """What exists in the account with a name that the script gives."""
        found = [f"stack {name}" for name in self.stacks if self.status(name)]
        found += [f"table {name}" for name in self.tables()]
        for prefix in (*self.stacks, *(f"/aws/vendedlogs/livechat-cip/{name}" for name in self.stacks)):
            groups = self.client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
            found += [f"log group {one['logGroupName']}" for one in groups if self._is_ours(one["logGroupName"])]
        checks = {
            f"secret {self.secret_name}": lambda: self.client("secretsmanager").describe_secret(SecretId=self.secret_name),
            f"bucket {self.bucket}": lambda: self.client("s3").head_bucket(Bucket=self.bucket),
            f"topic {self.topic_name}": lambda: self.client("sns").get_topic_attributes(TopicArn=self.topic),
            f"queue {self.topic_name}": lambda: self.client("sqs").get_queue_url(QueueName=self.topic_name),
            f"role {self.role_name}": lambda: self.client("iam").get_role(RoleName=self.role_name),
        }
        for name, exists in checks.items():
            if if_there(exists) is not None:
                found.append(name)
        return sorted(set(found))

    def _is_ours(self, log_group):
        names = "|".join(map(re.escape, self.stacks))
        return re.fullmatch(rf"(?:/aws/vendedlogs/livechat-cip/)?(?:{names})(?:-Logs-\w+)?", log_group)

    def tables(self):
        """The tables of the script's stacks. The script does not start if such a table exists already."""
        names = "|".join(map(re.escape, self.stacks))
        pages = self.client("dynamodb").get_paginator("list_tables").paginate()
        return [name for page in pages for name in page["TableNames"] if re.fullmatch(rf"(?:{names})-Table-\w+", name)]

    def create_basics(self):
        """What the stacks need: a bucket for `sam deploy`, the secret of the tokens, and a topic for alarms with a queue that gets them."""
        self.cleanup.add(f"role {self.role_name}", self._remove_role)
        self.cleanup.add(f"bucket {self.bucket}", self._remove_bucket)
        place = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
        self.client("s3").create_bucket(Bucket=self.bucket, **place)
        remove = lambda: self.client("secretsmanager").delete_secret(SecretId=self.secret_name, ForceDeleteWithoutRecovery=True)  # noqa: E731
        self.cleanup.add(f"secret {self.secret_name}", lambda: if_there(remove))
        self.secret_arn = self.client("secretsmanager").create_secret(Name=self.secret_name, SecretString=self.secret)["ARN"]
        self.cleanup.add(f"topic {self.topic_name}", lambda: if_there(lambda: self.client("sns").delete_topic(TopicArn=self.topic)))
        self.client("sns").create_topic(Name=self.topic_name)
        self.client("sns").set_topic_attributes(
            TopicArn=self.topic,
            AttributeName="Policy",
            AttributeValue=allow("cloudwatch.amazonaws.com", "sns:Publish", self.topic, {"StringEquals": {"aws:SourceAccount": self.id}}),
        )
        self.cleanup.add(f"queue {self.topic_name}", self._remove_queue)
        self.queue = self.client("sqs").create_queue(QueueName=self.topic_name)["QueueUrl"]
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]
        arn = attributes["QueueArn"]
        policy = allow("sns.amazonaws.com", "sqs:SendMessage", arn, {"ArnEquals": {"aws:SourceArn": self.topic}})
        self.client("sqs").set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": policy})
        self.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        self.cleanup.add("the tables of the stacks", self.remove_tables)
        self.cleanup.add(f"the stacks {', '.join(self.stacks)}", self._remove_stacks)

    def _remove_bucket(self):
        s3 = self.client("s3")
        if if_there(lambda: s3.head_bucket(Bucket=self.bucket)) is None:
            return
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            if keys := [{"Key": one["Key"]} for one in page.get("Contents", [])]:
                s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys})
        s3.delete_bucket(Bucket=self.bucket)

    def _remove_role(self):
        if_there(lambda: self.client("iam").delete_role_policy(RoleName=self.role_name, PolicyName="deployer"))
        if_there(lambda: self.client("iam").delete_role(RoleName=self.role_name))

    def _remove_queue(self):
        if url := if_there(lambda: self.client("sqs").get_queue_url(QueueName=self.topic_name)):
            self.client("sqs").delete_queue(QueueUrl=url["QueueUrl"])

    def _remove_stacks(self):
        # In parallel, because each takes minutes.
        threads = [threading.Thread(target=self.remove_stack, args=[name], daemon=True) for name in self.stacks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(1500)
        if left := [f"{name} ({status})" for name in self.stacks if (status := self.status(name))]:
            raise RuntimeError(f"still there: {', '.join(left)}")

    def remove_stack(self, name, seconds=1200):
        cloudformation, deadline = self.client("cloudformation"), time.monotonic() + seconds
        while (status := self.status(name)) and time.monotonic() < deadline:
            if status != "DELETE_IN_PROGRESS":
                try:
                    cloudformation.delete_stack(StackName=name)
                except ClientError as error:
                    if error.response["Error"]["Code"] not in GONE:
                        raise
                    # During an update, it cannot be deleted.
                    if_there(lambda: cloudformation.cancel_update_stack(StackName=name))
            time.sleep(0.5 if self.emulated else 5)

    def remove_tables(self, only=None):
        dynamodb = self.client("dynamodb")
        for name in [only] if only else self.tables():
            if_there(lambda: dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False))
            dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 3, "MaxAttempts": 40})
            dynamodb.delete_table(TableName=name)
            dynamodb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 3, "MaxAttempts": 100})

    # Stacks

    def status(self, name):
        found = if_there(lambda: self.client("cloudformation").describe_stacks(StackName=name)["Stacks"])
        return found[0]["StackStatus"] if found and found[0]["StackStatus"] != "DELETE_COMPLETE" else None

    def outputs(self, name):
        stack = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def resources(self, name):
        found = self.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
        return {one["LogicalResourceId"]: one.get("PhysicalResourceId") for one in found}

    def deploy(self, name, parameters, template=None, environment=None, seconds=1500):
        since = time.time()
        command = ["deploy", "--template-file", str(template or self.template), "--stack-name", name, "--region", self.region]
        command += ["--s3-bucket", self.bucket, "--s3-prefix", name, "--capabilities", "CAPABILITY_IAM", "--no-progressbar"]
        # A section that samconfig.toml does not have, so that the owner's own settings are not used.
        command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--config-env", "first-account"]
        command += ["--parameter-overrides", *(f"{key}={value}" for key, value in parameters.items())]
        code, output = self.sam(command, environment, seconds)
        return Deployment(name, code, output, since, self.status(name), self.failures(name, since))

    def delete(self, name, environment=None):
        since = time.time()
        stacks = if_there(lambda: self.client("cloudformation").describe_stacks(StackName=name)["Stacks"])
        stack_id = stacks[0]["StackId"] if stacks else name  # events of a deleted stack are found by its id only
        command = ["delete", "--stack-name", name, "--region", self.region, "--no-prompts"]
        command += ["--s3-bucket", self.bucket, "--s3-prefix", name]
        code, output = self.sam(command, environment)
        return Deployment(name, code, output, since, self.status(name), self.failures(stack_id, since))

    def sam(self, arguments, environment=None, seconds=1500):
        """Runs the SAM CLI as a person does. Its process ends with this script."""
        environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": self.region, **(environment or {})}
        environment = {name: value for name, value in environment.items() if value is not None}
        with tempfile.TemporaryFile("w+") as output:
            with self._lock:
                if self.stopping:
                    raise RuntimeError("the script is being stopped")
                process = subprocess.Popen(
                    ["sam", *arguments],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C in a terminal reaches this script only
                )
                self._processes.add(process)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                end(process)
            finally:
                self._processes.discard(process)
            output.seek(0)
            return process.returncode, output.read()

    def stop(self):
        """Ends all processes of the SAM CLI, and lets no new one start."""
        with self._lock:
            self.stopping, processes = True, list(self._processes)
        for process in processes:
            end(process)

    def failures(self, name, since):
        """The reasons why resources of a stack have failed since this time."""
        found = []
        try:
            for page in self.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=name):
                for event in page["StackEvents"]:
                    if event["Timestamp"].timestamp() < since - 2:
                        return found[::-1]
                    if "FAILED" in event["ResourceStatus"]:
                        found.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}")
        except ClientError as error:
            found.append(f"(no events: {error})")
        return found[::-1]

    # Calls

    def base_url(self, name):
        if self.emulated:
            return f"{self.endpoint}/_aws/execute-api/{self.resources(name)['Api']}/$default"
        return self.outputs(name)["BaseUrl"]

    def bearer(self, user):
        message = base64url(b'{"alg":"HS256"}') + b"." + base64url(json.dumps({"sub": user, "exp": int(time.time()) + 600}).encode())
        signature = hmac.new(self.secret.encode(), message, hashlib.sha256).digest()
        return "Bearer " + (message + b"." + base64url(signature)).decode()


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def summary(self):
        cors = {name: value for name, value in self.headers.items() if name.startswith("access-control-") or name.endswith("authenticate")}
        # A body may have a token.
        code = self.json() if self.status >= 400 or self.body in ("true", "false", "null", "") else "(a token)"
        return {"status": self.status, "headers": cors, "body": code if code is not None else self.body[:200]}


def call(base_url, method, path, connect_to=None, **headers):
    """One request, with the path exactly as given. `connect_to`: an address instead of the host's."""
    url = urllib.parse.urlsplit(base_url)
    secure = url.scheme == "https"
    connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(url.hostname, url.port, timeout=35)
    if connect_to:
        create = connection._create_connection  # the certificate is still the host's
        connection._create_connection = lambda address, *rest: create((connect_to, address[1]), *rest)
    try:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"{url.path}/{path}", headers=headers)
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
        return Response(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
    finally:
        connection.close()


def end(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(15)


def if_there(action):
    """The action's result, or None if its target does not exist."""
    try:
        return action()
    except ClientError as error:
        if error.response["Error"]["Code"] in (*GONE, *NO_QUEUE):
            return None
        raise


def allow(service, action, resource, condition):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource, "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def base64url(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def copy_with(template, change):
    """A folder with a changed copy of a template, and links to the functions beside it."""
    folder = tempfile.TemporaryDirectory(prefix="first-account.")
    copy = Path(folder.name) / "template.yaml"
    copy.write_text(change(template.read_text()))
    for name in FUNCTIONS:
        (Path(folder.name) / name).symlink_to(template.parent / name, target_is_directory=True)
    return folder, copy
