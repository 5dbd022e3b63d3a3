"""The check that the functions start: as CloudFormation calls it when a stack is created, and as CodeDeploy calls it before an update."""

import http.server
import io
import json
import threading
import zipfile

import pytest
from parameters import ISSUER, SITE
from template import FUNCTIONS, source_with_code

VARIABLES = {"GetToken": "GET_TOKEN", "GetFreshToken": "GET_FRESH_TOKEN", "HasToken": "HAS_TOKEN", "Invalidate": "INVALIDATE"}
# The emulator cannot reach this host.
KEY_SET = {"Auth": "jwt", "JwtJwksUrl": ISSUER + "jwks.json", "JwtIssuer": ISSUER, "JwtAudience": "livechat"}
MODES = {
    "jwt": {"Auth": "jwt", "Guests": "true"},
    "authorizer": {"Auth": "authorizer"},
    "hmac": {"Auth": "hmac"},
    "none": {"Auth": "none", "AllowUnverifiedUsers": "true"},
}


@pytest.fixture(scope="session")
def codedeploy():
    """A stand-in for CodeDeploy, with the requests that it got. The emulator has none."""

    class Requests(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            received.append((self.headers["x-amz-target"].split(".")[1], body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    received = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()


@pytest.fixture
def check(emulator, codedeploy, monkeypatch):
    """Calls the check for these versions, as CodeDeploy does, and returns the result that CodeDeploy gets."""
    url, received = codedeploy
    for name, value in (emulator.environment() | {"AWS_ENDPOINT_URL_CODEDEPLOY": url}).items():
        monkeypatch.setenv(name, value)

    def one(versions, **replaced):
        for name, version in versions.items():
            monkeypatch.setenv(VARIABLES[name], version)
        module = code()
        module |= replaced
        module["handler"]({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}, None)
        operation, result = received.pop()
        assert operation == "PutLifecycleEventHookExecutionStatus" and not received
        assert (result["deploymentId"], result["lifecycleEventHookExecutionId"]) == ("d-1", "e-1")
        return result["status"]

    return one


def code():
    """The names that the code of the check defines."""
    module = {}
    exec(source_with_code()["Resources"]["StartCheck"]["Properties"]["Code"]["ZipFile"], module)
    return module


def versions_of(emulator, stack):
    client = emulator.client("lambda")
    names = {name: stack.resources[name][1] for name in FUNCTIONS}
    return {name: client.get_alias(FunctionName=one, Name="live")["AliasArn"].rsplit(":", 1)[0] + ":1" for name, one in names.items()}


def with_setting(emulator, stack, function, **settings):
    """The versions of the stack, with a new one of this function, which has these settings."""
    versions = versions_of(emulator, stack)
    client, name = emulator.client("lambda"), stack.resources[function][1]
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(FunctionName=name, Environment={"Variables": before | settings})
    return versions | {function: client.publish_version(FunctionName=name)["FunctionArn"]}


@pytest.mark.parametrize("mode", MODES)
def test_an_update_continues_if_all_functions_refuse_an_invalid_token(mode, create, emulator, livechat, check):
    secret = {}
    if mode in ("jwt", "hmac"):
        arn = emulator.client("secretsmanager").create_secret(Name=f"start-{mode}", SecretString="x" * 32)["ARN"]
        secret[f"{mode.title()}SecretArn"] = arn
    stack = create(f"start-{mode}", livechat | MODES[mode] | secret)
    assert check(versions_of(emulator, stack)) == "Succeeded"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_update_stops_if_one_function_does_not_start(function, create, emulator, livechat, check, capsys):
    stack = create(f"stop-{function}", livechat | MODES["none"])
    assert check(with_setting(emulator, stack, function, AUTH="basic")) == "Failed"
    line = json.loads(capsys.readouterr().out)
    assert line["level"] == "ERROR" and "AUTH is invalid" in line["message"], line


def test_an_update_continues_while_the_identity_provider_is_down(create, emulator, livechat, check):
    stack = create("provider-down", livechat | MODES["none"])
    keys = {"AUTH": "jwt", "JWT_JWKS_URL": KEY_SET["JwtJwksUrl"], "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": "livechat"}
    assert check(with_setting(emulator, stack, "GetToken", **keys)) == "Succeeded"


def test_a_stack_is_not_created_if_its_key_set_cannot_be_fetched(emulator):
    stack = emulator.create("no-keys", SITE | KEY_SET)
    assert stack.status == "ROLLBACK_COMPLETE" and "The keys to verify callers are not available" in stack.reason


def test_a_binary_for_another_processor_is_named(create, emulator, livechat, check, capsys):
    stack = create("processor", livechat | MODES["none"])
    client, name = emulator.client("lambda"), stack.resources["HasToken"][1]
    binary, archive = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00\x01" + bytes(43), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bootstrap", binary)
    client.update_function_code(FunctionName=name, ZipFile=archive.getvalue())
    broken = client.publish_version(FunctionName=name)["FunctionArn"]
    assert check(versions_of(emulator, stack) | {"HasToken": broken}) == "Failed"
    assert "Was it built for the processor in the parameter Architecture?" in capsys.readouterr().out


def test_a_function_may_start_at_the_second_try(check, capsys):
    faults = iter(["not authorized to perform: lambda:InvokeFunction", None, None, None, None])
    assert check(dict.fromkeys(FUNCTIONS, "arn"), fault_of=lambda *_: next(faults)) == "Succeeded"
    assert next(faults, "none left") == "none left"


def test_a_fault_of_the_check_itself_is_reported(check, capsys):
    assert check(dict.fromkeys(FUNCTIONS, "arn"), first_fault=lambda is_first: {}["missing"]) == "Failed"
    assert "the check failed: 'missing'" in capsys.readouterr().out


@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600"])
def test_the_reply_to_cloudformation_is_short_enough(character, check, codedeploy, monkeypatch):
    sent = []

    class Sent:
        def close(self):
            pass

    module = code()
    monkeypatch.setattr(module["urllib"].request, "urlopen", lambda request, timeout: sent.append(request) or Sent())
    ids = {"StackId": "s" * 200, "RequestId": "r" * 36, "LogicalResourceId": "FirstStart", "ResponseURL": "http://127.0.0.1/"}
    module["reply_to_cloudformation"](ids, character * 5000)
    assert len(sent[0].data) <= 4096 and json.loads(sent[0].data)["Status"] == "FAILED"


def test_a_stack_is_not_created_if_its_functions_do_not_start(emulator):
    stack = emulator.create("broken", SITE | {"Auth": "jwt", "JwtPublicKey": "nonsense"})
    assert stack.status == "ROLLBACK_COMPLETE"
    assert "FirstStart: " in stack.reason and "JWT_PUBLIC_KEY is invalid: expected a public key in PEM" in stack.reason
