"""`first-account` on the emulator: it asks all its questions, claims nothing that the emulator cannot show, and removes everything."""

import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber
from conftest import binary_of
from first_account import questions, rollout
from first_account.deployer import for_stack
from first_account.steps import QUESTIONS, NotPossible
from template import FUNCTIONS, REGION, ROOT, without_patience

SCRIPT = Path(__file__).with_name("first-account")
NAME = "first-account"
ANSWERED_ON_THE_EMULATOR = {
    "first_deployment",
    "check_wrote_its_line",
    "tail_of_the_log",
    "wrong_key_is_named",
    "four_operations",
    "removal",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory, emulator):
    """A folder as `sam build` leaves it, with the debug binaries."""
    if not shutil.which("sam"):
        pytest.fail("The SAM CLI is not on the PATH: pip install -r .ci/requirements.txt", pytrace=False)
    folder = tmp_path_factory.mktemp("built")
    template = without_patience((ROOT / "template.yaml").read_text())
    for name in FUNCTIONS:
        head, function, tail = template.partition(f"\n  {name}:\n    Type: AWS::Serverless::Function\n")
        assert function
        template = head + function + tail.replace("\n    Properties:\n", f"\n    Properties:\n      CodeUri: {name}\n", 1)
        (folder / name).mkdir()
        (folder / name / "bootstrap").symlink_to(binary_of(name))
    (folder / "template.yaml").write_text(template)
    for name in ("samconfig.toml", "parameters.yaml"):  # the script must not use the owner's settings
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def start(built, emulator, tmp_path):
    """Starts the script, and returns its process and the file with the record."""
    processes = []

    def one(*options):
        record = tmp_path / "record.json"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment = inherited | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, SCRIPT, "--region", REGION, "--endpoint", emulator.url, "--stack", NAME, "--yes", "--record", record]
        processes.append(
            subprocess.Popen(
                [*command, *options],
                cwd=built,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return processes[-1], record

    yield one
    for process in processes:
        process.kill()
        process.wait()


def names_in(emulator):
    """The names of everything that the script could leave."""
    stacks = [
        one["StackName"] for one in emulator.client("cloudformation").describe_stacks()["Stacks"] if one["StackStatus"] != "DELETE_COMPLETE"
    ]
    return sorted(
        name
        for names in (
            stacks,
            emulator.client("dynamodb").list_tables()["TableNames"],
            [one["logGroupName"] for one in emulator.client("logs").describe_log_groups()["logGroups"]],
            [one["Name"] for one in emulator.client("secretsmanager").list_secrets()["SecretList"]],
            [one["Name"] for one in emulator.client("s3").list_buckets()["Buckets"]],
            [one["TopicArn"] for one in emulator.client("sns").list_topics()["Topics"]],
            emulator.client("sqs").list_queues().get("QueueUrls", []),
            [one["RoleName"] for one in emulator.client("iam").list_roles()["Roles"]],
            [one["FunctionName"] for one in emulator.client("lambda").list_functions()["Functions"]],
        )
        for name in names
        if NAME in name
    )


def names_after_interruption(emulator):
    """StartCheck may still run while its stack is deleted. Its last line then makes the emulator create the log group again. On AWS its role
    does not allow that."""
    return [name for name in names_in(emulator) if not re.fullmatch(r"/aws/cloudformation/[\w-]+/Logs", name)]


def test_it_asks_all_questions_and_removes_everything(start, emulator, livechat):
    process, record = start(
        "--policy",
        ROOT / "docs/deploy-policy.json",
        "--livechat-client-id",
        livechat["LiveChatClientId"],
        "--livechat-organization-id",
        livechat["LiveChatOrganizationId"],
        "--livechat-redirect-uri",
        livechat["LiveChatRedirectUri"],
        "--livechat-accounts-url",
        livechat["LiveChatAccountsUrl"],
    )
    output, _ = process.communicate(timeout=900)
    print(output)
    content = json.loads(record.read_text())
    answers = {one["question"]: one for one in content["answers"]}
    assert process.returncode == 0, output
    assert {name for name, one in answers.items() if one["result"] == "ok"} == ANSWERED_ON_THE_EMULATOR
    assert {one["result"] for one in content["answers"]} == {"ok", "not possible here"} and len(answers) == len(QUESTIONS)
    assert "failed" not in json.dumps([one["why"] for one in content["answers"]])
    assert not content["aws"] and not content["left"] and not content["not_removed"]
    assert names_in(emulator) == []


def test_it_removes_everything_after_ctrl_c(start, emulator):
    process, record = start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("first_deployment: "):
            break
    time.sleep(2)  # an update or another stack is on its way
    process.send_signal(signal.SIGINT)
    lines += process.communicate(timeout=300)[0]
    assert process.returncode == 130, "".join(lines)
    assert json.loads(record.read_text())["interrupted"]
    assert names_after_interruption(emulator) == []


def test_it_removes_everything_after_ctrl_c_in_a_deployment(start, emulator):
    process, _ = start()
    cloudformation = emulator.client("cloudformation")
    deadline = time.monotonic() + 120
    while not any(
        one["StackName"] == NAME for one in cloudformation.describe_stacks()["Stacks"] if one["StackStatus"] != "DELETE_COMPLETE"
    ):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 130, output
    assert names_after_interruption(emulator) == []


def test_it_touches_nothing_if_the_name_is_in_use(start, emulator):
    secrets = emulator.client("secretsmanager")
    secrets.create_secret(Name=f"{NAME}-jwt", SecretString="somebody else's")
    try:
        process, _ = start()
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 1 and f"already exist, so nothing was done: secret {NAME}-jwt" in output
        assert secrets.get_secret_value(SecretId=f"{NAME}-jwt")["SecretString"] == "somebody else's"
    finally:
        secrets.delete_secret(SecretId=f"{NAME}-jwt", ForceDeleteWithoutRecovery=True)


def test_a_template_with_a_broken_function_differs_in_that_function_only():
    template = (ROOT / "template.yaml").read_text()
    broken = questions.with_broken_has_token(template)
    assert broken.replace("      Environment:\n        Variables:\n          LIVECHAT_LICENSE_ID: none\n", "", 1) == template
    function = broken[broken.index("\n  HasToken:\n") : broken.index("\n  Invalidate:\n    Type: AWS::Serverless")]
    assert "LIVECHAT_LICENSE_ID: none" in function
    with pytest.raises(NotPossible):
        questions.with_broken_has_token(template.replace("\n  HasToken:\n", "\n  Other:\n"))


def test_the_policy_is_for_the_stack_of_the_script_only():
    account = SimpleNamespace(id="123456789012", region=REGION, caller="arn:aws:iam::123456789012:user/a", bucket="first-account-bucket")
    policy = for_stack(account, (ROOT / "docs/deploy-policy.json").read_text(), "first-account-deployer")
    assert "stack/first-account-deployer/" in policy and "arn:aws:s3:::first-account-bucket" in policy
    assert "livechat-cip" not in policy.replace("vendedlogs/livechat-cip", "") and "ACCOUNT" not in policy and "REGION" not in policy


def test_deployments_of_codedeploy_are_recorded():
    # The emulator has no CodeDeploy. botocore checks the names of parameters and results.
    client = boto3.client("codedeploy", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    run = SimpleNamespace(
        account=SimpleNamespace(emulated=False), client=lambda _: client, resources={"ServerlessDeploymentApplication": "app"}
    )
    start, failed = datetime.datetime(2026, 1, 1), {"code": "ALARM_ACTIVE", "message": "an alarm"}
    deployment = {
        "deploymentGroupName": "one",
        "status": "Stopped",
        "createTime": start,
        "completeTime": start + datetime.timedelta(seconds=301),
    }
    alarms = {"enabled": True, "alarms": [{"name": "a"}]}
    with Stubber(client) as stub:
        stub.add_response("list_deployment_groups", {"deploymentGroups": ["one"]})
        stub.add_response("list_deployments", {"deployments": ["d-1"]})
        stub.add_response("batch_get_deployments", {"deploymentsInfo": [deployment | {"errorInformation": failed}]})
        (found,) = rollout.codedeploy(run, 1)
        stub.add_response("list_deployment_groups", {"deploymentGroups": ["one"]})
        stub.add_response("batch_get_deployment_groups", {"deploymentGroupsInfo": [{"alarmConfiguration": alarms}]})
        assert questions.alarm_configuration(run) == [alarms]
    assert (found["status"], found["error"], found["seconds"]) == ("Stopped", failed, 301)


def test_denied_actions_are_read_from_the_reasons():
    who = "User: arn:aws:sts::1:assumed-role/a/b is not authorized"
    reason = f"Api: {who} to perform: apigateway:POST on resource: arn:aws:x because no identity-based policy allows it"
    assert questions.denied_actions([reason]) == ["apigateway:POST arn:aws:x"]
