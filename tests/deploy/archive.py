"""The archive of a release, as its user deploys it: unpack it, fill in parameters.yaml, `sam deploy`. On the emulator, which `aws.py` describes.

    ARCHIVE=dist/livechat-cip-x86_64.zip pytest tests/deploy/archive.py

It needs the SAM CLI on the PATH, and `cargo build --workspace` for the stand-in for LiveChat.
"""

import json
import os
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
import yaml
from parameters_file import blocks, filled_in
from template import FUNCTIONS, REGION
from test_stack import SECRET, USER, bearer

STACK = "livechat-cip"


@pytest.fixture(scope="session")
def release(folder):
    """The unpacked archive."""
    unpacked = folder / "release"
    with zipfile.ZipFile(os.environ["ARCHIVE"]) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, unpacked))
            path.chmod(entry.external_attr >> 16)
    return unpacked


@pytest.fixture(scope="session")
def deploy(release, emulator, livechat):
    """Deploys the archive with these changes of parameters.yaml, and returns the stack."""
    secret = emulator.client("secretsmanager").create_secret(Name="release", SecretString=SECRET)["ARN"]
    given = (release / "parameters.yaml").read_text()
    (block,) = [block for block in blocks(given) if "JwtSecretArn: ''" in "\n".join(block)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = inherited | emulator.environment() | {"SAM_CLI_TELEMETRY": "0"}

    def one(**changes):
        values = livechat | {"JwtSecretArn": secret, "JwtIssuer": "https://www.example.com", "JwtAudience": "livechat"} | changes
        (release / "parameters.yaml").write_text(filled_in(given, block, values))
        start = time.monotonic()
        run = subprocess.run(
            ["sam", "deploy", "--no-confirm-changeset", "--no-fail-on-empty-changeset"],
            cwd=release,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode == 0, run.stdout[-3000:] + run.stderr
        print(f"sam deploy {changes or ''}: {time.monotonic() - start:.0f} s")
        return emulator.stack(STACK)

    return one


def test_a_release_is_deployed_updated_rolled_back_and_deployed_again(release, deploy, emulator, walk):
    functions = emulator.client("lambda")

    def name_of(function):
        return stack.resources[function][1]

    def live():
        """By function, its version that callers reach."""
        return {name: functions.get_alias(FunctionName=name_of(name), Name="live")["FunctionVersion"] for name in FUNCTIONS}

    def customer():
        return walk(stack, bearer(USER, iss="https://www.example.com", aud="livechat"))

    stack = deploy()
    assert stack.outputs["BaseUrl"].startswith("https://") and stack.outputs["PageSnippet"].startswith("<script")
    first, before = live(), customer()

    deploy(LogLevel="debug")
    second = live()
    assert all(second[name] != first[name] for name in FUNCTIONS) and customer() == before

    # The runbook's quick way back.
    for name in FUNCTIONS:
        functions.update_alias(FunctionName=name_of(name), Name="live", FunctionVersion=first[name])
    assert live() == first and customer() == before

    # The same release again. On AWS, it would be refused without another Attempt.
    deploy(LogLevel="debug", Attempt="2")
    third = live()
    assert not set(third.items()) & (set(first.items()) | set(second.items())) and customer() == before
    function = functions.get_function_configuration(FunctionName=name_of("GetToken"))
    assert function["Environment"]["Variables"]["RELEASE"].endswith("+2")
    assert function["Architectures"] == [yaml.safe_load((release / "parameters.yaml").read_text())["Architecture"]]


def test_a_parameter_without_a_line_keeps_its_value_and_an_empty_one_is_reset(deploy, emulator):
    # What docs/deploy.md warns of. The steps to rotate a secret depend on it.
    def previous_secret(stack):
        settings = emulator.client("lambda").get_function_configuration(FunctionName=stack.resources["GetToken"][1])
        return settings["Environment"]["Variables"]["JWT_SECRET_PREVIOUS_ARN"]

    arn = emulator.client("secretsmanager").create_secret(Name="previous", SecretString=SECRET)["ARN"]
    assert previous_secret(deploy(JwtSecretPreviousArn=arn)) == arn
    assert previous_secret(deploy()) == arn
    assert previous_secret(deploy(JwtSecretPreviousArn="")) == ""


# What CloudFormation does first with a resource of each type, and the resource's ARN.
CREATE = {
    "AWS::ApiGatewayV2::Api": ("apigateway:POST", "arn:aws:apigateway:{region}::/apis"),
    "AWS::CloudWatch::Alarm": ("cloudwatch:PutMetricAlarm", "arn:aws:cloudwatch:{region}:{account}:alarm:{name}"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch:PutDashboard", "arn:aws:cloudwatch::{account}:dashboard/{name}"),
    "AWS::CodeDeploy::Application": ("codedeploy:CreateApplication", "arn:aws:codedeploy:{region}:{account}:application:{name}"),
    "AWS::CodeDeploy::DeploymentGroup": (
        "codedeploy:CreateDeploymentGroup",
        "arn:aws:codedeploy:{region}:{account}:deploymentgroup:{name}/{name}",
    ),
    "AWS::DynamoDB::GlobalTable": ("dynamodb:CreateTable", "arn:aws:dynamodb:{region}:{account}:table/{name}"),
    "AWS::IAM::Role": ("iam:CreateRole", "arn:aws:iam::{account}:role/{name}"),
    "AWS::Lambda::Function": ("lambda:CreateFunction", "arn:aws:lambda:{region}:{account}:function:{name}"),
    "AWS::Logs::LogGroup": ("logs:CreateLogGroup", "arn:aws:logs:{region}:{account}:log-group:{name}"),
}


def test_the_deployer_may_create_what_has_the_name_of_this_stack_and_nothing_else(release, deploy, emulator):
    account = "000000000000"
    policy = (release / "docs/deploy-policy.json").read_text().replace("ACCOUNT", account).replace("REGION", REGION)
    assert len(json.dumps(json.loads(policy), separators=(",", ":"))) <= 6144, "the limit of IAM for a managed policy"

    def decision(kind, name):
        action, arn = CREATE[kind]
        return emulator.client("iam").simulate_custom_policy(
            PolicyInputList=[policy], ActionNames=[action], ResourceArns=[arn.format(region=REGION, account=account, name=name)]
        )["EvaluationResults"][0]["EvalDecision"]

    resources = [(kind, name) for kind, name in deploy().resources.values() if kind in CREATE]
    assert {kind for kind, _ in resources} == set(CREATE)
    assert [(kind, name) for kind, name in resources if decision(kind, name) != "allowed"] == []
    # An API's name is not in its ARN.
    of_others = set(CREATE) - {"AWS::ApiGatewayV2::Api"}
    assert [kind for kind in of_others if decision(kind, "shop-x") == "allowed"] == []
