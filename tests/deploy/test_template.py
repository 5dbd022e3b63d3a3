"""Checks of the template, for each way to deploy it. Run this file to run all tests in this folder, also those on the emulator."""

import json
import re
import sys
from pathlib import Path

import pytest
from parameters import ACCEPTED, COOKIES_KEY, COOKIES_KEY_BEFORE, EVERYTHING, EXISTING, GATEWAY, JWT, KEY, REPLICA_KEY, SECRET, SECRETS_KEY
from template import FUNCTIONS, ROOT, of_type, source, source_with_code, statements, transformed

# The metrics of AWS that alarms and dashboard use.
AWS_METRICS = {
    "AWS/ApiGateway": {"Latency"},
    "AWS/Lambda": {"ConcurrentExecutions", "Duration", "Errors", "Throttles"},
    "AWS/DynamoDB": {"SuccessfulRequestLatency", "SystemErrors", "ReadThrottleEvents", "WriteThrottleEvents"},
}
ALARMS = {
    "LiveChatRejects", "LiveChatDown", "IdentitiesChanging", "AgentTokenFailing", "KmsRefuses", "ErrorRate", "InternalErrors", "Slow", "Throttled", "FunctionErrors",
    "StoreErrors",
}  # fmt: skip
# The operations of each function on the table. tests/api/template.rs compares them with the code.
TABLE_ACTIONS = {
    "GetToken": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
    "GetFreshToken": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
    "HasToken": {"dynamodb:GetItem"},
    "Invalidate": {"dynamodb:Query", "dynamodb:UpdateItem"},
}

# Parameters, with values that they accept and values that they refuse.
PATTERNS = [
    (
        "AllowedOrigins",
        [
            "https://www.example.com",
            "https://www.example.com,http://localhost:5173",
            "https://a.example:8443,https://b.example:80,http://c.example:443",
            "https://a.example:4430,http://b.example:8080",
            "https://xn--mnchen-3ya.example",
            "http://127.0.0.1:3000,http://[::1]:3000,http://[::80]",
            "https://my_shop.example",
            "http://intranet",
        ],
        [
            "",
            "*",
            "https://*",
            "https://*.example.com",
            "www.example.com",
            "localhost:8055",
            "HTTPS://www.example.com",
            "https://Shop.example",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://shop.example:443,https://www.example.com",
            "https://www.example.com,http://shop.example:80",
            "https://shop.example:0443",
            "https://shop.example:",
            "https://shop.example/",
            "https://shop.example/cart",
            "https://shop.example?a",
            "https://münchen.example",
            "https://a.example, https://b.example",
            "https://a.example https://b.example",
            "https://a.example;https://b.example",
            "https://a.examplehttps://b.example/",
            "https://a.example,",
            ",https://a.example",
            "https://a.example,,https://b.example",
            "https://",
            "null",
            "file://",
            # API Gateway refuses these.
            "capacitor://localhost",
            "https://a.example,chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        ],
    ),
    (
        "AllowedHeaders",
        ["", "x-datadog-trace-id", "X-Datadog-Trace-Id,newrelic,x_a"],
        ["*", "x-a,*", "x-a,", ",x-a", "x-a, x-b", "x-a x-b", "x-a:1"],
    ),
    (
        "LiveChatOrganizationId",
        ["", "390e44e6-f1e6-4368-8b6d-2b74614508c2", "390E44E6-F1E6-4368-8B6D-2B74614508C2"],
        ["12345678", "390e44e6f1e643688b6d2b74614508c2", "{390e44e6-f1e6-4368-8b6d-2b74614508c2}", "390e44e6-f1e6-4368-8b6d-2b74614508g2"],
    ),
    ("LiveChatLicenseId", ["", "12345678"], ["390e44e6-f1e6-4368-8b6d-2b74614508c2"]),
    (
        "JwtRequiredClaims",
        ["", "token_use=access", "tid=a,tid=b,https://shop.example/role=a=b"],
        ["tid", "tid=", "=a", "tid=a,", "tid=a,tid", ",tid=a"],
    ),
    (
        "JwtSecretArn",
        ["", SECRET("shop/jwt"), SECRET("a_b+c=d.e@f"), "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:jwt-AbCdEf"],
        [
            "jwt",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:jwt",
            SECRET("jwt") + ":key::",
            SECRET("jwt") + " ",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/jwt-AbCdEf",
        ],
    ),
    (
        "SubjectKey",
        ["", "0123456789abcdef", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"],
        # The SAM CLI writes these into its settings without quoting them correctly.
        ["0123456789abcde", "0123456789abcdef\\", '0123456789"abcdef', "0123456789 abcdef"],
    ),
    ("JwtAlgorithms", ["", "RS256", "RS256,ES256, EdDSA", "Ed25519"], ["none", "ES512", "RS256,", "RS256ES256", "rs256"]),
]  # fmt: skip


def functions(stack):
    """The four functions. There is another one, StartCheck."""
    return {name: one for name, one in of_type(stack, "Lambda::Function").items() if name in FUNCTIONS}


@pytest.fixture(params=ACCEPTED.values(), ids=ACCEPTED.keys())
def stack(request, resolve):
    return resolve(request.param)


def test_each_function_has_its_own_role_with_its_operations_on_the_table(stack):
    table = "Table.Arn" if "Table" in stack["Resources"] else "arn:aws:dynamodb:eu-central-1:.*:table/restored"
    for name, actions in TABLE_ACTIONS.items():
        assert of_type(stack, "Lambda::Function")[name]["Role"] == f"{name}Role.Arn"
        on_table = [one for one in statements(stack, f"{name}Role") if any("dynamodb" in action for action in one["Action"])]
        assert [(one["Sid"], set(one["Action"])) for one in on_table] == [("Table", actions)]
        assert re.fullmatch(table, on_table[0]["Resource"])


def test_no_role_has_a_wildcard_or_a_managed_policy(stack):
    for role, properties in of_type(stack, "IAM::Role").items():
        assert "ManagedPolicyArns" not in properties
        for one in statements(stack, role):
            assert one["Effect"] == "Allow"
            assert not any("*" in action for action in one["Action"]), one
            resources = [one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"]
            assert "*" not in resources or one["Sid"] == "Traces", one
    assert not of_type(stack, "IAM::ManagedPolicy")


def test_the_check_can_only_call_the_functions_and_report(stack):
    allowed = {action for one in statements(stack, "StartCheckRole") for action in one["Action"] if one["Sid"] != "Traces"}
    assert allowed == {
        "lambda:InvokeFunction",
        "codedeploy:PutLifecycleEventHookExecutionStatus",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    (call,) = [one for one in statements(stack, "StartCheckRole") if one["Sid"] == "Functions"]
    assert call["Resource"] == [f"{name}.Arn:*" for name in FUNCTIONS]


def test_roles_can_read_secrets_only_if_there_are_secrets(resolve):
    def secrets(parameters):
        found = [one["Resource"] for one in statements(resolve(parameters), "HasTokenRole") if one["Sid"] == "Secrets"]
        return found[0] if found else []

    assert secrets(JWT) == []
    assert secrets(EVERYTHING) == [EVERYTHING["JwtSecretArn"], EVERYTHING["JwtSecretPreviousArn"]]


def test_only_functions_that_request_tokens_can_read_the_agents_credentials(resolve):
    def readers(parameters):
        stack = resolve(parameters)
        readable = {role: [one["Resource"] for one in statements(stack, f"{role}Role") if one["Sid"] == "AgentCredentials"] for role in FUNCTIONS}
        return {role: resources for role, resources in readable.items() if resources}

    credentials = [EVERYTHING["LiveChatAgentCredentialsArn"]]
    assert readers(JWT) == {}
    assert readers(EVERYTHING) == {"GetToken": credentials, "GetFreshToken": credentials}


def test_only_functions_that_request_tokens_can_use_the_key_for_cookies(resolve):
    def uses(parameters):
        stack = resolve(parameters)
        return {(role, one["Resource"], *one["Action"]) for role in FUNCTIONS for one in statements(stack, f"{role}Role") if "CookiesKey" in one["Sid"]}

    def by_both(resource, *actions):
        return {("GetToken", resource, *actions), ("GetFreshToken", resource, *actions)}

    key, before = (by_both(one, "kms:Decrypt", "kms:GenerateDataKey") for one in (COOKIES_KEY, COOKIES_KEY_BEFORE))
    assert uses(JWT) == set()
    assert uses(EVERYTHING) == key | before, "while an update is under way, the former version goes on sealing with the former key"
    turned_off = resolve(JWT | {"CookiesKmsKeyPrevious": COOKIES_KEY_BEFORE})
    assert uses(JWT | {"CookiesKmsKeyPrevious": COOKIES_KEY_BEFORE}) == before, "it was turned off, and old items can still be read"
    assert not any(one["Environment"]["Variables"].get("COOKIES_KMS_KEY") for one in functions(turned_off).values()), "nothing is sealed"


def test_a_function_has_its_permissions_before_its_code():
    stack = transformed(EVERYTHING)
    for name in FUNCTIONS:
        policies = {
            policy
            for policy, one in stack["Resources"].items()
            if one["Type"] == "AWS::IAM::Policy" and {"Ref": f"{name}Role"} in one["Properties"]["Roles"]
        }
        function = stack["Resources"][name]
        optional = {one["Fn::If"][1]["Ref"] for one in function["Metadata"].get("DependsOn", [])}
        assert {function["DependsOn"]} | optional == policies, name


def test_the_owners_key_encrypts_everything_and_is_used_for_nothing_else(resolve):
    stack = resolve(EVERYTHING)
    (key,) = [one for one in statements(stack, "HasTokenRole") if one["Sid"] == "Key"]
    assert (key["Action"], key["Resource"]) == (["kms:Decrypt"], KEY)
    assert all(service.endswith(".eu-central-1.amazonaws.com") for service in key["Condition"]["StringEquals"]["kms:ViaService"])
    (of_secrets,) = [one for one in statements(stack, "HasTokenRole") if one["Sid"] == "SecretsKey"]
    assert (of_secrets["Action"], of_secrets["Resource"]) == (["kms:Decrypt"], SECRETS_KEY)
    assert of_secrets["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}}
    assert {group["KmsKeyId"] for group in of_type(stack, "Logs::LogGroup").values()} == {KEY}
    assert {function["KmsKeyArn"] for function in functions(stack).values()} == {KEY}
    table = of_type(stack, "DynamoDB::GlobalTable")["Table"]
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert [one["SSESpecification"]["KMSMasterKeyId"] for one in table["Replicas"]] == [KEY, REPLICA_KEY]
    assert of_type(stack, "SNS::Topic")["AlarmTopic"]["KmsMasterKeyId"] == KEY and not of_type(stack, "KMS::Key")


def test_the_table_is_protected_and_deletes_expired_items(stack):
    for table in of_type(stack, "DynamoDB::GlobalTable").values():
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
        assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
        assert len(table["Replicas"]) == 1 or table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
        for replica in table["Replicas"]:
            assert replica["DeletionProtectionEnabled"] == "true"
            assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        whole = stack["Resources"]["Table"]
        assert (whole["DeletionPolicy"], whole["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_with_an_existing_table_no_table_is_created(resolve):
    stack = resolve(EXISTING)
    assert not of_type(stack, "DynamoDB::GlobalTable")
    assert {one["Environment"]["Variables"]["TABLE_NAME"] for one in functions(stack).values()} == {"restored"}
    assert stack["Outputs"]["TableName"]["Value"] == "restored"


def test_the_api_has_sixteen_routes_and_each_calls_its_functions_alias(stack):
    targets = {f"integrations/{name}": one["IntegrationUri"] for name, one in of_type(stack, "ApiGatewayV2::Integration").items()}
    routes = {one["RouteKey"]: targets[one["Target"]] for one in of_type(stack, "ApiGatewayV2::Route").values()}
    assert routes == {
        f"{method} /{path}{user}": f"{name}.Arn:live"
        for name, path in FUNCTIONS.items() for method in ("GET", "POST") for user in ("", "/{user+}")
    }  # fmt: skip
    permissions = of_type(stack, "Lambda::Permission").values()
    assert {(one["FunctionName"], one["SourceArn"].split(":")[-1]) for one in permissions} == {
        (f"{name}Aliaslive", f"Api/*/*/{path}*") for name, path in FUNCTIONS.items()
    }


def test_the_gateway_verifies_callers_only_with_an_authorizer(resolve):
    for parameters in ACCEPTED.values():
        stack = resolve(parameters)
        ways = {(one["AuthorizationType"], one.get("AuthorizerId")) for one in of_type(stack, "ApiGatewayV2::Route").values()}
        assert ways == ({("JWT", "GatewayAuthorizer")} if parameters is GATEWAY else {("NONE", None)})
    (authorizer,) = of_type(resolve(GATEWAY), "ApiGatewayV2::Authorizer").values()
    assert authorizer["JwtConfiguration"] == {"Issuer": GATEWAY["AuthorizerIssuer"], "Audience": ["livechat", "shop"]}


def test_sam_local_finds_the_routes():
    # It looks for routes only in resources of the type that comes first.
    kinds = [one["Type"] for one in source()["Resources"].values()]
    assert kinds.index("AWS::ApiGatewayV2::Api") < kinds.index("AWS::Serverless::Function")


def test_the_access_log_does_not_identify_the_caller(stack):
    stage = of_type(stack, "ApiGatewayV2::Stage")["Stage"]
    entry = json.loads(stage["AccessLogSettings"]["Format"])
    personal = r"path|uri|ip|identity|user|query|header|claim|principal|cookie|domain"
    assert not [value for value in entry.values() if re.search(personal, value, re.IGNORECASE)]
    assert all(re.fullmatch(r"\$context(\.\w+)+", value) for value in entry.values())
    assert "$context.requestId" in entry.values()


def test_calls_are_throttled_and_only_the_sites_pages_are_allowed(stack):
    throttling = of_type(stack, "ApiGatewayV2::Stage")["Stage"]["DefaultRouteSettings"]
    assert throttling == {"ThrottlingRateLimit": 100, "ThrottlingBurstLimit": 200}
    cors = of_type(stack, "ApiGatewayV2::Api")["Api"]["CorsConfiguration"]
    assert cors["AllowOrigins"] == JWT["AllowedOrigins"].split(",") and cors["AllowCredentials"]


def test_pages_may_send_headers_of_monitoring_scripts_and_those_of_the_site(resolve):
    def allowed(parameters):
        return of_type(resolve(parameters), "ApiGatewayV2::Api")["Api"]["CorsConfiguration"]["AllowHeaders"]

    ours = ["authorization", "content-type", "x-user-hash", "x-user-hash-expires", "x-guest-id"]
    usual = [*ours, "sentry-trace", "baggage", "traceparent", "tracestate"]
    assert allowed(JWT) == usual
    assert allowed(EVERYTHING) == [*usual, "x-datadog-trace-id", "newrelic"]
    # `cargo local` allows the same headers.
    assert re.findall(r'from_static\("([a-z-]+)"\),$', (ROOT / "local/cors.rs").read_text(), re.MULTILINE)[:7] == usual[2:]


@pytest.mark.parametrize("parameter, accepted, refused", PATTERNS, ids=[name for name, _, _ in PATTERNS])
def test_patterns_accept_valid_values_and_refuse_invalid_ones(parameter, accepted, refused):
    # CloudFormation matches the whole value.
    pattern = re.compile(source()["Parameters"][parameter]["AllowedPattern"])
    assert [value for value in accepted if not pattern.fullmatch(value)] == []
    assert [value for value in refused if pattern.fullmatch(value)] == []


def test_the_arns_of_secrets_have_one_pattern():
    patterns = {rule["AllowedPattern"] for name, rule in source()["Parameters"].items() if re.search("Secret|Credentials", name) and name.endswith("Arn")}
    assert len({pattern for pattern in patterns if "secretsmanager" in pattern}) == 1


def test_the_alarm_on_functions_counts_only_calls_of_callers(resolve):
    # StartCheck calls versions, not the alias. Its calls must not roll back a version that starts at the second try.
    for one in of_type(resolve(JWT), "CloudWatch::Alarm")["FunctionErrors"]["Metrics"]:
        if "MetricStat" in one:
            dimensions = {pair["Name"]: pair["Value"] for pair in one["MetricStat"]["Metric"]["Dimensions"]}
            assert dimensions["Resource"] == f"{dimensions['FunctionName']}:live"


def test_the_functions_know_every_setting_of_the_template(resolve):
    known = set(re.findall(r'^    "([A-Z_]+)",$', (ROOT / "functions/common/settings/names.rs").read_text(), re.MULTILINE))
    assert "LIVECHAT_CLIENT_ID" in known
    for function in functions(resolve(EVERYTHING)).values():
        ours = {name for name in function["Environment"]["Variables"] if re.match("LIVECHAT_|JWT_|HMAC_", name)}
        assert ours and ours <= known


def test_logs_go_to_two_groups_with_a_retention_time(stack):
    groups = of_type(stack, "Logs::LogGroup")
    assert {name: group["RetentionInDays"] for name, group in groups.items()} == {"Logs": 30, "AccessLogs": 30}
    for function in of_type(stack, "Lambda::Function").values():
        assert (function["LoggingConfig"]["LogGroup"], function["LoggingConfig"]["LogFormat"]) == ("Logs", "JSON")


def test_alarms_are_documented_and_use_only_existing_metrics(stack):
    alarms = of_type(stack, "CloudWatch::Alarm")
    assert set(alarms) == ALARMS
    documentation = (ROOT / "docs/operations.md").read_text()
    for name, alarm in alarms.items():
        assert f"| `{name}` |" in documentation and alarm["AlarmDescription"].endswith("See docs/operations.md."), name
        assert alarm["TreatMissingData"] == "notBreaching"
        watched = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one] or [alarm]
        for one in watched:
            _check_metric([one["Namespace"], one["MetricName"]])
        if "Metrics" in alarm:
            (expression,) = [one for one in alarm["Metrics"] if "Expression" in one]
            assert set(re.findall(r"\b[a-z]\w*", expression["Expression"])) <= {one["Id"] for one in alarm["Metrics"]}


def test_alarms_notify_the_topic_or_the_email_address(resolve):
    def actions_of(parameters):
        alarms = of_type(resolve(parameters), "CloudWatch::Alarm").values()
        # str: a resolved list cannot be in a set.
        return {str((one.get("AlarmActions"), one.get("OKActions"))) for one in alarms}

    topic, ends = "arn:aws:sns:eu-central-1:123456789012:operations", {"NotifyWhenAlarmsEnd": "true"}
    assert actions_of(JWT) == {"(None, None)"}
    # A new alarm begins without data. When it then becomes OK, CloudWatch sends a message to its OKActions.
    assert actions_of(JWT | {"AlarmTopicArn": topic}) == {str(([topic], None))}
    assert actions_of(JWT | {"AlarmTopicArn": topic} | ends) == {str(([topic], [topic]))}
    assert actions_of(EVERYTHING) == {"(['AlarmTopic'], None)"}
    assert actions_of(EVERYTHING | ends) == {"(['AlarmTopic'], ['AlarmTopic'])"}
    plain = resolve(ACCEPTED["plain"])
    assert of_type(plain, "SNS::Topic")["AlarmTopic"]["KmsMasterKeyId"] == "AlarmKey.Arn" and of_type(plain, "KMS::Key")
    (publisher,) = of_type(plain, "SNS::TopicPolicy")["AlarmTopicPolicy"]["PolicyDocument"]["Statement"]
    assert publisher["Principal"] == {"Service": "cloudwatch.amazonaws.com"} and publisher["Action"] == "sns:Publish"
    assert "aws:SourceAccount" in publisher["Condition"]["StringEquals"]


def test_the_dashboard_is_json_and_uses_only_existing_metrics(stack):
    (dashboard,) = of_type(stack, "CloudWatch::Dashboard").values()
    assert "${" not in dashboard["DashboardBody"]
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    for widget in widgets:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                namespace, name = re.search(r'\{"(.+)",outcome\} MetricName="(\w+)"', metric[0]["expression"]).groups()
                metric = [namespace, name]
            _check_metric(metric)
    assert {alarm for widget in widgets for alarm in widget["properties"].get("alarms", [])} == {f"{name}.Arn" for name in ALARMS}
    places = [(one["x"], one["y"]) for one in widgets]
    assert len(set(places)) == len(places)


def _check_metric(metric):
    namespace, name = metric[:2]
    # tests/api/template.rs compares our own metrics with the code.
    assert namespace == "livechat-cip/site" or name in AWS_METRICS[namespace], metric


def test_an_update_is_gradual_and_rolls_back_on_an_alarm(resolve):
    stack = resolve(JWT)
    for name in FUNCTIONS:
        group = of_type(stack, "CodeDeploy::DeploymentGroup")[f"{name}DeploymentGroup"]
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert group["AlarmConfiguration"]["Enabled"] and group["ServiceRoleArn"] == "DeployRole.Arn"
        # None that an outage of LiveChat or AWS can cause: it would roll back a good version.
        alarms = {"InternalErrors", "FunctionErrors", "LiveChatRejects", "KmsRefuses"}
        assert {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]} == alarms
        alias = transformed(JWT)["Resources"][f"{name}Aliaslive"]
        assert alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["BeforeAllowTrafficHook"] == {"Ref": "StartCheck"}
    (hook,) = [one for one in statements(stack, "DeployRole") if one["Action"] == ["lambda:InvokeFunction"]]
    assert hook["Resource"] == ["StartCheck.Arn", "StartCheck.Arn:*"]
    at_once = of_type(resolve(ACCEPTED["plain"]), "CodeDeploy::DeploymentGroup")["GetTokenDeploymentGroup"]
    assert (at_once["DeploymentConfigName"], at_once.get("AlarmConfiguration")) == ("CodeDeployDefault.LambdaAllAtOnce", {})


def test_a_changed_setting_publishes_a_new_version():
    before = transformed(JWT)
    of_functions = {name: before["Resources"][name]["Properties"] for name in FUNCTIONS}
    for properties in of_functions.values():
        del properties["Code"]
    settings = {name: _parameters_of(properties, before["Conditions"]) for name, properties in of_functions.items()}
    publish_a_version = _parameters_of(source()["Globals"]["Function"]["SourceKMSKeyArn"], before["Conditions"])
    assert publish_a_version == set().union(*settings.values())
    for setting in publish_a_version:
        after = transformed(JWT | {setting: "another"})
        for name in FUNCTIONS:
            assert setting not in settings[name] or _version(before, name) != _version(after, name), (name, setting)
    # Other parameters must not: AWS Lambda refuses a version of an unchanged function. Reserved concurrency is not a part of a version.
    of_versions = [
        {key: value for key, value in one.items() if key not in ("ReservedConcurrentExecutions", "Tags")} for one in of_functions.values()
    ]
    assert all(_parameters_of(one, before["Conditions"]) == publish_a_version for one in of_versions)
    after = transformed(JWT | {"LogRetentionDays": "90"})
    assert all(_version(before, name) == _version(after, name) for name in FUNCTIONS)


def test_a_changed_template_publishes_a_new_version():
    before, changed = transformed(JWT), source_with_code()
    changed["Globals"]["Function"]["Timeout"] = 9
    changed["Resources"]["GetToken"]["Properties"]["Timeout"] = 14
    after = transformed(JWT, changed)
    different = {name for name in FUNCTIONS if _version(before, name) != _version(after, name)}
    assert different == {"GetToken", "HasToken", "Invalidate"}  # GetFreshToken has a time limit of its own


def test_the_functions_have_the_version_of_the_package(resolve):
    version = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    for attempt in ("1", "2"):
        stack = resolve(JWT | {"Attempt": attempt})
        assert {one["Environment"]["Variables"]["RELEASE"] for one in functions(stack).values()} == {f"{version}+{attempt}"}


def test_concurrency_is_reserved_only_if_it_is_wanted(resolve):
    def reserved(parameters):
        return {one.get("ReservedConcurrentExecutions") for one in functions(resolve(parameters)).values()}

    assert reserved(JWT) == {None}
    assert {str(one) for one in reserved(JWT | {"ReservedConcurrency": "50"})} == {"50"}


def _version(template, function):
    (name,) = [
        name
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::Lambda::Version" and name.startswith(f"{function}Version")
    ]
    return name


def _parameters_of(value, conditions):
    """The parameters that a value depends on."""
    if isinstance(value, list):
        return set().union(*(_parameters_of(one, conditions) for one in value))
    if not isinstance(value, dict):
        return set()
    referred = {value["Ref"]} if "Ref" in value else set(re.findall(r"\$\{(\w+)\}", str(value.get("Fn::Sub", ""))))
    found = referred & set(source()["Parameters"])
    if "Condition" in value:
        found |= _parameters_of(conditions[value["Condition"]], conditions)
    if "Fn::If" in value:
        found |= _parameters_of(conditions[value["Fn::If"][0]], conditions)
    return found.union(*(_parameters_of(one, conditions) for one in value.values()))


def test_no_resource_name_conflicts_with_a_second_stack(stack):
    names = {"FunctionName", "RoleName", "TableName", "TopicName", "AlarmName", "LogGroupName", "DashboardName", "PolicyName", "Name"}
    free = {"AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::Lambda::Permission", "AWS::IAM::Policy", "AWS::Route53::RecordSet"}
    for one in stack["Resources"].values():
        given = {key: value for key, value in one.get("Properties", {}).items() if key in names}
        if one["Type"] in free or one["Type"] == "AWS::ApiGatewayV2::Authorizer":
            continue
        assert all("site" in value for value in given.values()), (one["Type"], given)


def test_the_outputs_have_the_values_for_a_page_and_an_operator(resolve):
    own = {name: output["Value"] for name, output in resolve(EVERYTHING)["Outputs"].items()}
    assert own["BaseUrl"] == "https://cip.example.com" and own["DomainTarget"]
    api = of_type(resolve(EVERYTHING), "ApiGatewayV2::Api")["Api"]
    assert api["DisableExecuteApiEndpoint"] == "false", "pages that use the URL at amazonaws.com would lose their chat"
    assert "baseUrl: 'https://cip.example.com', credentials: 'include'" in own["PageSnippet"]
    assert "userHash" in resolve(ACCEPTED["hmac"])["Outputs"]["PageSnippet"]["Value"]
    assert "yourSessionToken(), guest: true })" in resolve(JWT | {"Guests": "true"})["Outputs"]["PageSnippet"]["Value"]
    aws = {name: output["Value"] for name, output in resolve(JWT)["Outputs"].items()}
    assert aws["BaseUrl"] == "https://Api.execute-api.eu-central-1.amazonaws.com" and "DomainTarget" not in aws
    assert {"TableName", "LogGroup", "AccessLogGroup", "DashboardUrl"} <= set(aws)


def test_every_parameter_has_a_description_and_is_in_exactly_one_group():
    template = source()
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert [name for group in groups for name in group["Parameters"]] == list(template["Parameters"])
    assert all(rule.get("Description") for rule in template["Parameters"].values())
    needed = {name for name, rule in template["Parameters"].items() if "Default" not in rule}
    assert needed == {"LiveChatClientId", "LiveChatRedirectUri", "Auth", "AllowedOrigins"}


if __name__ == "__main__":
    sys.exit(pytest.main([str(Path(__file__).parent)]))
