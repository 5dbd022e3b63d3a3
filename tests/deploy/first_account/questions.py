"""The questions, in the order in which they are asked. `run` is the `Run` of the script."""

import contextlib
import itertools
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from .account import ORIGIN, call, copy_with, if_there
from .rollout import Callers, aliases, codedeploy, settle, versions
from .steps import Differs, NotPossible, question, wait_until

GATEWAY = "AWS's API Gateway"
CODEDEPLOY = "CodeDeploy"
USER = "anna"
WITHOUT_CREDENTIALS = {
    "version": "2.0",
    "routeKey": "GET /getToken",
    "rawPath": "/getToken",
    "rawQueryString": "",
    "headers": {},
    "requestContext": {
        "http": {"method": "GET", "path": "/getToken", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "first-account"},
        "requestId": "first-account",
        "stage": "$default",
    },
    "isBase64Encoded": False,
}


def expect(condition, text):
    if not condition:
        raise Differs(text)


# The first deployment


@question("The stack is created, its outputs are complete, and the check that the functions start has run.")
def first_deployment(run):
    deployment = run.account.deploy(run.account.stack, run.current)
    run.seen["deployment"] = deployment.summary()
    expect(deployment.code == 0 and deployment.status == "CREATE_COMPLETE", str(deployment))
    run.resources, run.outputs = run.account.resources(run.account.stack), run.account.outputs(run.account.stack)
    run.url = run.account.base_url(run.account.stack)
    run.deployed = True
    run.seen["outputs"] = sorted(run.outputs)
    missing = {"BaseUrl", "PageSnippet", "TableName", "DashboardUrl", "LogGroup", "AccessLogGroup"} - set(run.outputs)
    expect(not missing, f"these outputs are missing: {sorted(missing)}")
    expect("FirstStart" in run.resources, "the stack has no resource FirstStart")


@question("The check's own line is in the log.")
def check_wrote_its_line(run):
    run.needs_stack()
    found = log_lines(run, "all four functions start", run.started)
    expect(found, "no line `all four functions start` in the log group of the functions")
    run.seen["line"] = found[0][:500]


@question("A call with LogType=Tail returns the log, also with a log group of its own and in JSON.")
def tail_of_the_log(run):
    run.needs_stack()
    target = f"{run.resources['GetToken']}:live"
    response = run.client("lambda").invoke(FunctionName=target, LogType="Tail", Payload=json.dumps(WITHOUT_CREDENTIALS))
    run.seen["status"] = json.load(response["Payload"]).get("statusCode")
    run.seen["length_of_log"] = len(response.get("LogResult", ""))
    expect(run.seen["status"] == 401, f"a call without credentials got {run.seen['status']}")
    expect(run.seen["length_of_log"], "LogResult is empty, so a failed deployment cannot name the wrong setting")


@question("A stack with an invalid JwtPublicKey is not created, and the reason names the setting.")
def wrong_key_is_named(run):
    deployment = run.wrong_key.result(run.patience(900))
    run.seen["deployment"] = deployment.summary()
    expect(deployment.code != 0, "the deployment succeeded")
    expect(any("JWT_PUBLIC_KEY" in reason for reason in deployment.reasons), f"no reason names JWT_PUBLIC_KEY: {deployment.reasons}")
    run.seen["status"] = deployment.status


@question("The four operations respond; without a LiveChat licence, getToken reports that LiveChat refuses the settings.")
def four_operations(run):
    run.needs_stack()
    user = {"authorization": run.account.bearer(USER)}
    refused = [call(run.url, "GET", name) for name in ("getToken", "getFreshToken", "hasToken", "invalidate")]
    run.seen["without_credentials"] = [one.summary() for one in refused]
    expect([one.status for one in refused] == [401] * 4, f"without credentials: {[one.status for one in refused]}")
    before, token = call(run.url, "GET", "hasToken", **user), call(run.url, "GET", "getToken", **user)
    run.seen |= {"hasToken": before.summary(), "getToken": token.summary()}
    expect((before.status, before.body) == (200, "false"), f"hasToken of a new user: {before.status} {before.body}")
    if run.licence:
        expect(token.status == 200, f"getToken: {token.status} {token.body[:300]}")
        stored, fresh = call(run.url, "GET", "getToken", **user), call(run.url, "POST", "getFreshToken", **user)
        has = call(run.url, "GET", "hasToken", **user)
        run.seen |= {"stored": stored.headers.get("cache-status"), "getFreshToken": fresh.summary(), "hasToken_then": has.summary()}
        expect(stored.headers.get("cache-status") == "livechat-cip; hit", f"the second getToken: {stored.headers.get('cache-status')}")
        expect(has.body == "true", f"hasToken with a token: {has.body}")
        ids = {one.json().get("entityId") for one in (token, stored, fresh) if one.status == 200}
        expect(fresh.status == 200 and len(ids) == 1, f"getFreshToken: {fresh.status}, {len(ids)} customers")
    else:
        code = (token.json() or {}).get("code")
        expect(token.status in (502, 503), f"getToken with a made-up client: {token.status} {token.body[:300]}")
        expect((token.status, code) == (502, "livechat_rejected") or token.status == 503, f"getToken: {token.status} {code}")
    end = call(run.url, "POST", "invalidate", **user)
    run.seen["invalidate"] = end.summary()
    expect((end.status, end.body) == (200, "null"), f"invalidate: {end.status} {end.body[:200]}")
    expect(call(run.url, "GET", "hasToken", **user).body == "false", "hasToken after invalidate is not false")


# The gateway


@question("A preflight is answered with CORS headers for an allowed origin, and without for another one.", about=GATEWAY)
def preflight(run):
    run.needs_stack()
    ask = {"access_control_request_method": "GET", "access_control_request_headers": "authorization"}
    allowed = call(run.url, "OPTIONS", "getToken/anna", origin=ORIGIN, **ask)
    other = call(run.url, "OPTIONS", "getToken/anna", origin="https://other.example", **ask)
    run.seen |= {"allowed": allowed.summary(), "other": other.summary()}
    expect(allowed.status in (200, 204), f"a preflight got {allowed.status}")
    missing = [name for name in ("origin", "methods", "headers", "credentials") if f"access-control-allow-{name}" not in allowed.headers]
    expect(not missing, f"a preflight's response has no access-control-allow-{missing}")
    expect("access-control-allow-origin" not in other.headers, "another origin is allowed")


@question("A 404 of the gateway has CORS headers, so that a page can read it.", about=GATEWAY)
def cors_on_404(run):
    run.needs_stack()
    response = call(run.url, "GET", "no-such-route", origin=ORIGIN)
    run.seen["response"] = response.summary()
    expect(response.status == 404, f"a path without a route got {response.status}")
    expect_cors(response)


def expect_cors(response):
    allowed = response.headers.get("access-control-allow-origin")
    expect(allowed == ORIGIN, f"a {response.status} of the gateway has access-control-allow-origin: {allowed}")


@question("A 401 of the gateway's own authorizer has CORS headers.", about=GATEWAY)
def cors_on_401_of_the_authorizer(run):
    if run.account.emulated:
        raise NotPossible("the emulator's gateway is not AWS's, so no stack with an authorizer was created")
    deployment = run.gateway.result(run.patience(900))
    run.seen["deployment"] = deployment.summary()
    expect(deployment.code == 0, str(deployment))
    response = call(run.account.base_url(deployment.stack), "GET", "getToken", origin=ORIGIN)
    run.seen["response"] = response.summary()
    expect(response.status == 401, f"a call without a token got {response.status}")
    expect_cors(response)


@question("The functions' 401 reaches the caller with its WWW-Authenticate header.", about=GATEWAY)
def www_authenticate(run):
    run.needs_stack()
    response = call(run.url, "GET", "getToken", origin=ORIGIN)
    run.seen["headers"] = response.headers
    renamed = {name: value for name, value in response.headers.items() if name.endswith("www-authenticate")}
    expect("www-authenticate" in renamed, f"it is not there; with a similar name: {renamed}")


@question("The functions get the user id of a path as it was before it was encoded.", about=GATEWAY)
def user_ids_in_paths(run):
    run.needs_stack()
    # By path, the user id, and ids that a wrong decoding would give.
    paths = {
        "anna": ["anna"],
        "a%2Fb": ["a/b", "a%2Fb", "a"],
        "a%3Fb": ["a?b", "a", "a%3Fb"],
        "a%3Fb%3Dc": ["a?b=c", "a", "a%3Fb%3Dc"],
        "a%23b": ["a#b", "a", "a%23b"],
        "a%25b": ["a%b", "a%25b"],
        "a%252Fb": ["a%2Fb", "a/b", "a%252Fb"],
        "a%20b": ["a b", "a+b", "a%20b"],
        "a+b": ["a+b", "a b", "a%2Bb"],
        "a%2Bb": ["a+b", "a b", "a%2Bb"],
        "a%3Bb": ["a;b", "a%3Bb", "a"],
        "%C3%A4%E2%82%AC": ["ä€", "%C3%A4%E2%82%AC", "Ã¤â\x82¬"],
        "a%2F%2Fb": ["a//b", "a/b", "a%2F%2Fb"],
        "anna%40example.com": ["anna@example.com", "anna%40example.com"],
    }
    wrong = {}
    for path, candidates in paths.items():
        results = {}
        for user in candidates:
            results[user] = call(run.url, "GET", f"hasToken/{path}", authorization=run.account.bearer(user)).status
            if results[user] == 200:
                break
        run.seen[path] = results
        if list(results.values()) != [200]:
            wrong[path] = next((user for user, status in results.items() if status == 200), f"none of {results}")
    expect(not wrong, f"user ids that differ, by path: {json.dumps(wrong, ensure_ascii=False)}")


@question("The API has an IPv6 address, and a call over IPv6 works.", about="an API with a name in the DNS")
def ipv6(run):
    run.needs_stack()
    if run.account.emulated:
        raise NotPossible("the emulator's API has no name in the DNS")
    host = run.url.split("/")[2]
    try:
        addresses = sorted({one[4][0] for one in socket.getaddrinfo(host, 443, socket.AF_INET6, socket.SOCK_STREAM)})
    except socket.gaierror as error:
        raise Differs(f"{host} has no IPv6 address: {error}") from None
    run.seen["addresses"] = addresses
    try:
        socket.create_connection((addresses[0], 443), 10).close()
    except OSError as error:
        raise NotPossible(f"{host} has IPv6 addresses, but this machine cannot reach them: {error}") from None
    response = call(run.url, "GET", "hasToken", connect_to=addresses[0], authorization=run.account.bearer(USER))
    run.seen["response"] = response.summary()
    expect(response.status == 200, f"a call over IPv6 got {response.status}")


# Updates


@question("A gradual deployment succeeds after somebody has moved an alias by hand.", about=CODEDEPLOY)
def gradual_deployment_after_a_moved_alias(run):
    run.needs_stack()
    client, function = run.client("lambda"), run.resources["GetToken"]
    before = client.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
    moved = publish(run, "GetToken", Description="moved by hand")
    client.update_alias(FunctionName=function, Name="live", FunctionVersion=moved)
    run.seen["moved"] = f"from {before} to {moved}"
    deployment, callers = update(run, run.next_release(Deployment="Canary10Percent5Minutes"))
    if deployment.code:
        # The next question needs a stack that can be updated.
        run.seen["settled"] = settle(run)
        client.update_alias(FunctionName=function, Name="live", FunctionVersion=before)
    expect(deployment.code == 0, str(deployment))
    expect(not callers.unexpected(), f"callers got {callers.unexpected()}")
    run.canary = run.seen["codedeploy"]


@question("CodeDeploy may read the alarms, and shifts a tenth of the calls first.", about=CODEDEPLOY)
def codedeploy_reads_the_alarms(run):
    run.needs_stack()
    if not run.canary:
        deployment, _ = update(run, run.next_release(Deployment="Canary10Percent5Minutes"))
        if deployment.code:
            run.seen["settled"] = settle(run)
        expect(deployment.code == 0, str(deployment))
        run.canary = run.seen["codedeploy"]
    run.seen["deployments"] = run.canary
    errors = [one["error"] for one in run.canary if one["error"]]
    expect(not errors, f"CodeDeploy reports {errors}")
    expect(run.canary, "CodeDeploy has no deployment")
    # It shifts all calls at once if it cannot or need not look at alarms for five minutes.
    expect(all((one["seconds"] or 0) >= 290 for one in run.canary), f"they took {[one['seconds'] for one in run.canary]} s")
    run.seen["alarms"] = alarm_configuration(run)
    expect(all(one.get("enabled") and one.get("alarms") for one in run.seen["alarms"]), "a deployment group has no alarms")


def alarm_configuration(run):
    client, application = run.client("codedeploy"), run.resources["ServerlessDeploymentApplication"]
    groups = client.list_deployment_groups(applicationName=application)["deploymentGroups"]
    found = client.batch_get_deployment_groups(applicationName=application, deploymentGroupNames=groups)["deploymentGroupsInfo"]
    return [one.get("alarmConfiguration", {}) for one in found]


@question("A deployment with Deployment=AllAtOnce succeeds; its deployment groups have no alarms.", about=CODEDEPLOY)
def all_at_once(run):
    run.needs_stack()
    deployment, callers = update(run, run.next_release(Deployment="AllAtOnce"))
    if deployment.code:
        run.seen["settled"] = settle(run)
    expect(deployment.code == 0, str(deployment))
    expect(not callers.unexpected(), f"callers got {callers.unexpected()}")
    if not run.account.emulated:
        run.seen["alarms"] = alarm_configuration(run)
        expect(not any(one.get("alarms") for one in run.seen["alarms"]), "the alarms are still there")


@question("If one of the four functions does not start, the stack goes back, and callers notice nothing.", about=CODEDEPLOY)
def one_of_four_does_not_start(run):
    run.needs_stack()
    before = aliases(run)
    run.failed_release = run.next_release(Deployment="AllAtOnce")
    folder, template = copy_with(run.account.template, with_broken_has_token)
    with folder:
        deployment, callers = update(run, run.failed_release, template)
    run.seen["settled"] = settle(run)
    if deployment.code == 0:  # the emulator; the next questions need a function that starts
        update(run, run.next_release(Deployment="AllAtOnce"))
    expect(deployment.code != 0, "the deployment succeeded")
    run.failed = True
    after = aliases(run)
    run.seen["aliases"] = {"before": before, "after": after}
    expect(deployment.status == "UPDATE_ROLLBACK_COMPLETE", str(deployment))
    expect(after == before, f"the aliases were {before} and are {after}")
    expect(log_lines(run, "LIVECHAT_LICENSE_ID", deployment.since), "no line in the log names LIVECHAT_LICENSE_ID")
    expect(not callers.unexpected(), f"callers got {callers.unexpected()}")


def with_broken_has_token(template):
    head, middle, tail = template.partition("\n  HasToken:\n    Type: AWS::Serverless::Function\n")
    before, properties, after = tail.partition("\n    Properties:\n")
    if not properties or "\n  HasTokenRole:\n" in before:
        raise NotPossible("the template has another shape than expected, so it could not be changed")
    return head + middle + before + properties + "      Environment:\n        Variables:\n          LIVECHAT_LICENSE_ID: none\n" + after


@question("The release of a deployment that was rolled back is refused, and accepted with another Attempt.", about=CODEDEPLOY)
def same_release_again(run):
    run.needs_stack()
    if not run.failed:
        raise NotPossible("no deployment was rolled back")
    again, _ = update(run, run.failed_release)
    run.seen["settled"] = settle(run)
    attempt, _ = update(run, {**run.failed_release, "Attempt": "2"})
    if attempt.code:
        run.seen["settled"] = settle(run)
    expect(attempt.code == 0, f"with another Attempt: {attempt}")
    expect(again.code != 0, "it was accepted without another Attempt")
    expect(any("exist" in reason for reason in again.reasons), f"it was refused for another reason: {again}")


def update(run, parameters, template=None):
    """Deploys while callers call, and records what happened."""
    with Callers(run) as callers:
        deployment = run.account.deploy(run.account.stack, parameters, template)
    if deployment.code == 0:
        run.current = parameters
    record = deployment.summary() | callers.seen()
    record["versions"] = versions(run)
    record["codedeploy"] = run.seen["codedeploy"] = codedeploy(run, deployment.since)
    run.seen.setdefault("updates", []).append(record)
    return deployment, callers


def log_lines(run, text, since, group="LogGroup", seconds=60):
    """The lines with this text in a log group. They arrive some seconds after they were written."""

    def find():
        pages = run.client("logs").get_paginator("filter_log_events")
        pages = pages.paginate(logGroupName=run.outputs[group], startTime=int(since * 1000), filterPattern=f'"{text}"')
        return [event["message"] for page in pages for event in page["events"]]

    return wait_until(find, run.patience(seconds), pause=5)


def publish(run, name, **settings):
    """A new version of a function with other settings. Its alias stays where it is."""
    client, function = run.client("lambda"), run.resources[name]
    client.update_function_configuration(FunctionName=function, **settings)
    client.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    version = client.publish_version(FunctionName=function)["Version"]
    client.get_waiter("published_version_active").wait(FunctionName=function, Qualifier=version)
    return version


# The gateway's own errors


@question("A throttled function: the caller gets a 5xx or 429, and the access log says why.", about="an access log of API Gateway")
def throttled_function(run):
    run.needs_stack()
    client, function = run.client("lambda"), run.resources["HasToken"]
    try:
        client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
        response = wait_for_error(run, "hasToken", authorization=run.account.bearer(USER))
    finally:
        client.delete_function_concurrency(FunctionName=function)
    expect_logged(run, response, (429, 500, 503))


@question(
    "Without the gateway's permission, the caller gets a 500, and the access log names permissions.", about="an access log of API Gateway"
)
def missing_permission(run):
    run.needs_stack()
    client, target = run.client("lambda"), {"FunctionName": run.resources["Invalidate"], "Qualifier": "live"}
    policy = if_there(lambda: json.loads(client.get_policy(**target)["Policy"])) or {"Statement": []}
    (statement,) = [one for one in policy["Statement"] if "apigateway" in json.dumps(one["Principal"])] or [None]
    expect(statement, "the alias has no permission for API Gateway")
    try:
        client.remove_permission(**target, StatementId=statement["Sid"])
        response = wait_for_error(run, "invalidate", authorization=run.account.bearer(USER))
    finally:
        condition = statement.get("Condition", {})
        (source,) = [value for entry in condition.values() for name, value in entry.items() if name.lower() == "aws:sourcearn"] or [None]
        client.add_permission(
            **target,
            StatementId=statement["Sid"],
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            **({"SourceArn": source} if source else {}),
        )
    # The next question calls this function too.
    again = wait_until(lambda: call(run.url, "GET", "invalidate", authorization=run.account.bearer(USER)).status == 200, run.patience(90))
    run.seen["works_again"] = again
    entry = expect_logged(run, response, (500,))
    expect("permission" in entry.get("integrationError", ""), f"integrationError: {entry.get('integrationError')}")


@question("A function that does not start: the caller gets a 500, and the access log has it.", about="an access log of API Gateway")
def function_that_does_not_start(run):
    run.needs_stack()
    client, function = run.client("lambda"), run.resources["Invalidate"]
    before = client.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
    variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    try:
        broken = publish(run, "Invalidate", Environment={"Variables": {**variables, "AUTH": "basic"}})
        client.update_alias(FunctionName=function, Name="live", FunctionVersion=broken)
        response = wait_for_error(run, "invalidate", authorization=run.account.bearer(USER))
    finally:
        client.update_alias(FunctionName=function, Name="live", FunctionVersion=before)
        client.update_function_configuration(FunctionName=function, Environment={"Variables": variables})
    expect_logged(run, response, (500, 502))


def wait_for_error(run, path, **headers):
    response = wait_until(lambda: error_of(call(run.url, "GET", path, origin=ORIGIN, **headers)), run.patience(60))
    expect(response, "calls still succeeded after a minute")
    run.seen |= {"response": response.summary(), "body": response.body[:300]}
    return response


def error_of(response):
    return response if response.status >= 429 else None


def expect_logged(run, response, statuses):
    """The entry of this response in the access log. It can take a minute or two to arrive."""
    request = response.headers.get("apigw-requestid")
    found = log_lines(run, request, time.time() - 600, "AccessLogGroup", 180) if request else []
    expect(found, f"the caller got {response.status} {response.body[:100]}; the access log has no entry of request {request}")
    run.seen["access_log_line"] = found[0]  # a message with quotes could make it invalid JSON
    run.seen["access_log"] = json.loads(found[0])
    expect(response.status in statuses, f"the caller got {response.status} {response.body[:100]}")
    return run.seen["access_log"]


@question("A burst on one route gets 429, and does not throttle another route.", about=GATEWAY)
def throttling_is_per_route(run):
    run.needs_stack()
    limits = {"ThrottlingRateLimit": "1", "ThrottlingBurstLimit": "1"}
    deployment = run.account.deploy(run.account.stack, {**run.current, **limits})
    run.seen["deployment"] = deployment.summary()
    expect(deployment.code == 0, str(deployment))
    user = {"authorization": run.account.bearer(USER), "origin": ORIGIN}
    others = ["invalidate", "getFreshToken", f"hasToken/{USER}"]

    def burst():
        with ThreadPoolExecutor(10) as callers:
            first = list(callers.map(lambda _: call(run.url, "GET", "hasToken", **user), range(30)))
        return first, [call(run.url, "GET", path, origin=ORIGIN) for path in others] + [call(run.url, "POST", "hasToken", **user)]

    for _ in range(4):  # a new limit can take a moment to apply
        first, rest = burst()
        refused = [one for one in first if one.status == 429]
        if refused or run.account.emulated:
            break
        time.sleep(15)
    run.seen |= {"burst": sorted(one.status for one in first), "others": [one.status for one in rest]}
    expect(refused, "30 calls at once on a route for one call a second were all served")
    run.too_many = refused[0]
    expect(429 not in run.seen["others"], f"other routes got {run.seen['others']}")


@question("A 429 of the gateway has CORS headers.", about=GATEWAY)
def cors_on_429(run):
    run.needs_stack()
    if not run.too_many:
        raise NotPossible("no call got a 429")
    run.seen["response"] = run.too_many.summary() | {"body": run.too_many.body[:200]}
    expect_cors(run.too_many)


# Alarms


@question(
    "The creation of the stack sent no OK messages of its alarms; a message of an alarm does arrive.",
    about="CloudWatch, which evaluates alarms",
)
def no_messages_of_new_alarms(run):
    run.needs_stack()
    # Alarms are first evaluated some minutes after their creation.
    wait = run.created + run.patience(480) - time.time()
    time.sleep(max(0, wait) if not run.account.emulated else 0)
    before = messages(run, run.patience(10))
    alarm = run.resources["Slow"]
    run.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="first-account: does a message arrive?")
    arrived = list(itertools.chain.from_iterable(messages(run, 10) for _ in range(run.patience(60) // 10)))
    run.seen |= {"before": before, "after": arrived}
    ends = [one for one in before + arrived if one["state"] == "OK"]
    if not any(one["alarm"] == alarm for one in arrived):
        raise NotPossible("no message arrived, not even of an alarm that was raised by hand, so nothing was learned")
    expect(not ends, f"{len(ends)} OK messages: {sorted(one['alarm'] for one in ends)}")


def messages(run, seconds):
    found = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        wait = max(1, min(10, int(deadline - time.monotonic())))
        batch = run.client("sqs").receive_message(QueueUrl=run.account.queue, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        for one in batch.get("Messages", []):
            run.client("sqs").delete_message(QueueUrl=run.account.queue, ReceiptHandle=one["ReceiptHandle"])
            with contextlib.suppress(ValueError):
                content = json.loads(json.loads(one["Body"])["Message"])
                found.append({"alarm": content["AlarmName"], "state": content["NewStateValue"], "from": content.get("OldStateValue")})
    return found


# Permissions of the person who deploys


@question(
    "Somebody with only the deployer's policy can create the stack, update it and remove it.",
    about="CloudFormation that checks permissions",
)
def policy_of_the_deployer(run):
    if not run.policy:
        raise NotPossible("no --policy was given")
    steps, notes = run.deployer.result(run.patience(2400))
    run.seen |= {"deployments": [one.summary() for one in steps], **notes}
    refusals = [text for one in steps for text in (*one.reasons, one.output) if "not authorized" in text or "AccessDenied" in text]
    run.seen["denied"] = denied_actions(refusals)
    expect(not run.seen["denied"], f"denied: {run.seen['denied']}")
    expect(len(steps) == 3 and all(one.code == 0 for one in steps), f"failed without a denial: {steps[-1]}")
    expect(notes["policy_characters"] <= 6144, f"the policy has {notes['policy_characters']} characters, AWS accepts 6144")


def denied_actions(texts):
    found = set()
    for text in texts:
        for part in text.split("perform: ")[1:]:
            words = part.replace("\n", " ").split()
            resource = words[words.index("resource:") + 1] if "resource:" in words[:8] else ""
            found.add(f"{words[0]} {resource}".strip(' .,";)'))
    return sorted(found) or sorted({text[:300] for text in texts})


# The end


@question("`sam delete` removes the stack and its logs, and keeps the table; then the table can be deleted.")
def removal(run):
    run.needs_stack()
    if run.keep:
        raise NotPossible("--keep was given")
    deletion = run.account.delete(run.account.stack)
    run.seen["deletion"] = deletion.summary()
    expect(deletion.code == 0 and not deletion.status, str(deletion))
    groups = [run.outputs["LogGroup"], run.outputs["AccessLogGroup"]]
    left = [name for name in groups if run.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]]
    functions = [run.resources[name] for name in ("GetToken", "HasToken") if function_exists(run, run.resources[name])]
    table = run.outputs["TableName"]
    kept = table in run.account.tables()
    run.seen |= {"log_groups_left": left, "functions_left": functions, "table_kept": kept}
    expect(kept, "the table is gone")
    expect(not left and not functions, f"left: {left + functions}")
    if not run.account.emulated:  # it has no deletion protection
        expect(is_protected(run, table), "the table is not protected from deletion")
    run.account.remove_tables(only=table)
    expect(table not in run.account.tables(), "the table cannot be deleted")


def function_exists(run, name):
    return if_there(lambda: run.client("lambda").get_function_configuration(FunctionName=name)) is not None


def is_protected(run, table):
    return run.client("dynamodb").describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled", False)
