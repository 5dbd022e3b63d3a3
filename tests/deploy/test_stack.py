"""Stacks on an emulator of AWS: what is created, what is refused, and what the functions can do there.

The functions are the real ones, and the emulator only gives them the permissions of their roles. LiveChat is the sandbox."""

import base64
import functools
import hashlib
import hmac
import json
import time

import pytest
from botocore.exceptions import ClientError
from parameters import EVERYTHING, ISSUER, REFUSED, SITE
from template import FUNCTIONS, REGION
from test_template import TABLE_ACTIONS

SECRET = "0123456789abcdef0123456789abcdef"
USER, GUEST = "anna@example.com", base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")


@pytest.fixture(scope="session")
def site(create, emulator, livechat):
    """A stack with signed tokens and guests."""
    secret = emulator.client("secretsmanager").create_secret(Name="jwt", SecretString=SECRET)["ARN"]
    return create("site", livechat | {"Auth": "jwt", "JwtSecretArn": secret, "Guests": "true"})


@pytest.fixture(scope="session")
def shop(create, livechat):
    """Another stack in the same account and region."""
    return create("shop", livechat | {"Auth": "none", "AllowUnverifiedUsers": "true"})


def bearer(user, **claims):
    encode = lambda value: base64.urlsafe_b64encode(value).rstrip(b"=")  # noqa: E731
    message = encode(b'{"alg":"HS256"}') + b"." + encode(json.dumps({"sub": user, "exp": int(time.time()) + 600} | claims).encode())
    return f"Bearer {(message + b'.' + encode(hmac.digest(SECRET.encode(), message, hashlib.sha256))).decode()}"


@pytest.mark.parametrize("parameters, text", REFUSED.values(), ids=REFUSED.keys())
def test_invalid_or_unsafe_parameters_are_refused_before_anything_is_created(emulator, parameters, text):
    with pytest.raises(ClientError) as refusal:
        emulator.create("refused", parameters)
    assert text in str(refusal.value)


def test_a_user_is_one_customer_through_all_four_functions(site, call, walk):
    _, _, guest = call(site, "GET", "getToken", x_guest_id=GUEST)
    status, headers, token = call(site, "GET", "getToken", authorization=bearer(USER), x_guest_id=GUEST)
    assert (status, token["entityId"]) == (200, guest["entityId"])
    assert walk(site, bearer(USER)) == guest["entityId"]
    assert call(site, "GET", "getToken/somebody%2Felse", authorization=bearer(USER))[0] == 403


def test_two_stacks_share_no_resources(site, shop, call):
    status, _, token = call(shop, "GET", "getToken/anna@example.com")
    assert status == 200 and token["entityId"]
    # The names of stages and inline policies only need to be unique inside their API or role.
    ours, theirs = (
        {name for kind, name in stack.resources.values() if kind not in ("AWS::ApiGatewayV2::Stage", "AWS::IAM::Policy")}
        for stack in (site, shop)
    )
    assert ours and not ours & theirs
    assert site.outputs["BaseUrl"] != shop.outputs["BaseUrl"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_can_only_use_the_listed_operations_on_the_table(site, emulator, function):
    actions = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchWriteItem", "DeleteTable", "UpdateTable"]
    decisions = emulator.client("iam").simulate_principal_policy(
        PolicySourceArn=_role(emulator, site, function)["Arn"],
        ActionNames=[f"dynamodb:{action}" for action in actions],
        ResourceArns=[emulator.client("dynamodb").describe_table(TableName=site.outputs["TableName"])["Table"]["TableArn"]],
    )["EvaluationResults"]
    assert {one["EvalActionName"] for one in decisions if one["EvalDecision"] == "allowed"} == TABLE_ACTIONS[function]


def test_the_emulator_applies_the_policies_of_the_roles(site, emulator, call):
    # So the other tests prove that the template's policies are sufficient. tests/api/template.rs checks that they are necessary.
    iam, role = emulator.client("iam"), _role(emulator, site, "HasToken")["RoleName"]
    policy = json.dumps(iam.get_role_policy(RoleName=role, PolicyName="Table")["PolicyDocument"])
    has_token = functools.partial(call, site, "GET", "hasToken", authorization=bearer(USER))
    try:
        iam.put_role_policy(RoleName=role, PolicyName="Table", PolicyDocument=policy.replace("GetItem", "UpdateItem"))
        assert has_token()[0] == 503
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="Table", PolicyDocument=policy)
    assert has_token()[0] == 200


def test_logs_are_deleted_after_a_time_and_have_no_user_ids(site, emulator):
    logs = emulator.client("logs")
    retention = {group["logGroupName"]: group.get("retentionInDays") for group in logs.describe_log_groups()["logGroups"]}
    assert retention[site.outputs["LogGroup"]] == retention[site.resources["AccessLogs"][1]] == 30
    events = logs.filter_log_events(logGroupName=site.outputs["LogGroup"])["events"]
    lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
    assert {line["operation"] for line in lines if line.get("message") == "call"} == set(FUNCTIONS.values())
    assert not [line for line in lines if USER in json.dumps(line) or GUEST in json.dumps(line)]


def test_alarms_and_dashboard_are_created(site, emulator):
    cloudwatch = emulator.client("cloudwatch")
    names = {one["AlarmName"] for one in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert {name for kind, name in site.resources.values() if kind == "AWS::CloudWatch::Alarm"} <= names
    assert json.loads(cloudwatch.get_dashboard(DashboardName=f"site-{REGION}")["DashboardBody"])["widgets"]
    assert site.outputs["DashboardUrl"].endswith(f"/site-{REGION}")


def test_the_table_has_the_keys_of_the_template(site, emulator):
    table = emulator.client("dynamodb").describe_table(TableName=site.outputs["TableName"])["Table"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_a_stack_can_use_the_table_of_another_stack(shop, create, livechat, call):
    parameters = livechat | {"Auth": "none", "AllowUnverifiedUsers": "true", "ExistingTableName": shop.outputs["TableName"]}
    again = create("again", parameters)
    _, _, before = call(shop, "GET", "getToken/bert")
    _, headers, after = call(again, "GET", "getToken/bert")
    assert after == before and headers["cache-status"] == "livechat-cip; hit"
    assert "Table" not in again.resources


def test_a_stack_with_all_optional_parts_can_be_created(create, emulator):
    key = emulator.client("kms").create_key()["KeyMetadata"]["Arn"]
    zone = emulator.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    boundary = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    create_secret, secret = emulator.client("secretsmanager").create_secret, base64.b64encode(SECRET.encode()).decode()
    owned = {
        "JwtSecretArn": create_secret(Name="everything", SecretString=secret)["ARN"],
        "JwtSecretPreviousArn": create_secret(Name="everything-before", SecretString=secret)["ARN"],
        "KmsKeyArn": key,
        "CookiesKmsKey": key,
        "ReplicaKmsKeyArn1": key,
        "HostedZoneId": zone.removeprefix("/hostedzone/"),
        "CertificateArn": emulator.client("acm").request_certificate(DomainName="cip.example.com")["CertificateArn"],
        "PermissionsBoundaryArn": emulator.client("iam").create_policy(PolicyName="boundary", PolicyDocument=json.dumps(boundary))[
            "Policy"
        ]["Arn"],
    }
    stack = create("everything", EVERYTHING | owned)
    assert stack.outputs["BaseUrl"] == "https://cip.example.com"
    (subscription,) = emulator.client("sns").list_subscriptions_by_topic(TopicArn=stack.resources["AlarmTopic"][1])["Subscriptions"]
    assert subscription["Endpoint"] == EVERYTHING["AlarmEmail"]


def test_with_a_key_the_stack_stores_sealed_cookies(create, emulator, livechat, call):
    key = emulator.client("kms").create_key()["KeyMetadata"]["Arn"]
    stack = create("sealed", livechat | {"Auth": "none", "AllowUnverifiedUsers": "true", "CookiesKmsKey": key})
    status, _, token = call(stack, "GET", "getToken/anna")
    assert status == 200
    stored = {"pk": {"S": "user#anna"}, "sk": {"S": "identity"}}
    item = emulator.client("dynamodb").get_item(TableName=stack.outputs["TableName"], Key=stored)["Item"]
    assert set(item["cookies"]["M"]) == {"sealed"}
    status, _, fresh = call(stack, "POST", "getFreshToken/anna")
    assert (status, fresh["entityId"]) == (200, token["entityId"]), "another function's data key is decrypted"


def test_the_gateway_can_verify_callers(create, emulator):
    stack = create("gateway", SITE | {"Auth": "authorizer", "AuthorizerIssuer": ISSUER, "AuthorizerAudience": "livechat"})
    routes = emulator.client("apigatewayv2").get_routes(ApiId=stack.resources["Api"][1])["Items"]
    assert {route["AuthorizationType"] for route in routes} == {"JWT"} and len(routes) == 16


def _role(emulator, stack, function):
    return emulator.client("iam").get_role(RoleName=stack.resources[f"{function}Role"][1])["Role"]
