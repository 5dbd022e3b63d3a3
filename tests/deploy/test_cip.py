"""`cip`, the operator's tool, with a stack on the emulator, and with the policies in docs/policies.

Each command runs with the credentials of a person who has its policy and nothing else, and must call exactly the actions in it.
"""

import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass

import pytest
from conftest import BINARIES
from parameters import SITE
from recorder import Recorder
from template import REGION, ROOT
from test_stack import SECRET, bearer

STACK, ACCOUNT = "livechat-cip", "000000000000"
AGENT_SECRET = "sandbox-agent-secret"
CLAIMS = {"iss": "https://www.example.com", "aud": "livechat"}
POLICIES = ROOT / "docs/policies"
# Arguments, exit code, and what is in the result. `{…}` are files of the fixture `files`. Each needs what those before it did.
RUNS = {
    "import": (["import", "{users}", "--yes"], 0, "written"),
    "provision": (["provision", "{people}", "--yes", "--rate", "100"], 0, "created"),
    "setup": (
        ["setup", "--yes", "--client-id", "app", "--account", "12345678", "--redirect-uri", "https://www.example.com/", "--origins",
         "https://www.example.com", "--provider", "hmac", "--secret", "create", "--stack-secret", "create", "--secret-name",
         "livechat-cip-setup"],
        0,
        "HmacSecretArn",
    ),
    "bench": (["bench", "--token-file", "{token}", "--calls", "1", "--renewals", "1"], 0, "getFreshToken"),
    "user-show": (["user", "show", "alice"], 0, "entityId"),
    "user-export": (["user", "export", "alice"], 0, "entityId"),
    "user-restore": (["user", "restore", "bert", "0"], 0, "bert-before"),
    "stats": (["stats"], 0, "identities"),
    "backup": (["backup", "{backup}", "--passphrase-file", "{passphrase}"], 0, "items"),
    "restore": (["restore", "{backup}", "--passphrase-file", "{passphrase}", "--yes"], 0, "same"),
    "logs": (["logs", "test-user"], 0, "getFreshToken"),
    # The emulator has no time to live, and no recovery to a point in time.
    "doctor": (["doctor"], 1, "Time to live is off"),
    "agent-check": (["agent", "check", "--refresh", "--call-livechat"], 0, "a token for a new customer"),
    "user-forget": (["user", "forget", "carol", "--yes"], 0, "subject"),
}


@dataclass
class Ran:
    code: int
    stdout: str
    stderr: str
    actions: set


@pytest.fixture(scope="module")
def site(create, emulator, livechat, call):
    """A stack with the name in the policies, bert, whose customer LiveChat has changed, and carol, who has a token."""
    secret = emulator.client("secretsmanager").create_secret(Name=STACK, SecretString=SECRET)["ARN"]
    agent = {"client_id": "sandbox-agent-client", "client_secret": AGENT_SECRET, "refresh_token": "sandbox-refresh-token"}
    agent = emulator.client("secretsmanager").create_secret(Name=f"{STACK}-sandbox", SecretString=json.dumps(agent))["ARN"]
    livechat = livechat | {"LiveChatAgentCredentialsArn": agent}
    site = create(STACK, livechat | {"Auth": "jwt", "JwtSecretArn": secret, "JwtIssuer": CLAIMS["iss"], "JwtAudience": CLAIMS["aud"]})
    text = lambda **fields: {name: {"S": value} for name, value in fields.items()}  # noqa: E731
    former = text(entityId="bert-before", cid="a", cst="b") | {"until": {"N": "1700000000000"}}
    item = text(pk="user#bert", sk="identity", entityId="bert-now") | {
        "version": {"N": "1"},
        "leaseSeq": {"N": "0"},
        "cookies": {"M": text(cid="c", cst="d")},
        "cookiesLapseAt": {"N": "4000000000"},
        "outstanding": {"M": {}},
        "formerIdentities": {"L": [{"M": former}]},
    }
    emulator.client("dynamodb").put_item(TableName=site.outputs["TableName"], Item=item)
    assert call(site, "GET", "getToken", authorization=bearer("carol", **CLAIMS))[0] == 200
    return site


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cip")
    (folder / "users.jsonl").write_text(json.dumps({"user": "alice", "entityId": "alice-customer", "cid": "e", "cst": "f"}) + "\n")
    (folder / "people.txt").write_text("dora\nemil\n")
    for name in ("parameters.yaml", "samconfig.toml", "template.yaml"):
        shutil.copy(ROOT / name, folder)
    (folder / "passphrase").write_text("correct horse battery staple\n")
    token = bearer("test-user", **CLAIMS).removeprefix("Bearer ")
    (folder / "token").write_text(token)
    return {"folder": folder, "people": folder / "people.txt", "users": folder / "users.jsonl", "passphrase": folder / "passphrase", "token": folder / "token", "backup": folder / "b.age"}


@pytest.fixture(scope="module")
def cip(site, emulator):
    """Runs `cip` with these policies only. The address of the stack's API is that of the emulator."""
    base_url = f"{emulator.url}/_aws/execute-api/{site.resources['Api'][1]}/$default"
    recorder = Recorder(emulator.url, lambda body: body.replace(site.outputs["BaseUrl"].encode(), base_url.encode()))
    iam, users = emulator.client("iam"), set()

    def one(name, *arguments, policies=(), folder=None, browses=False):
        user = f"operator-{name}"
        if name not in users:
            iam.create_user(UserName=user)
            users.add(name)
        for number, policy in enumerate(policies):
            iam.put_user_policy(UserName=user, PolicyName=str(number), PolicyDocument=policy)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LIVECHAT_"))}
        variables = {
            "AWS_ENDPOINT_URL": recorder.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
        recorder.actions.clear()
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [BINARIES / "cip", *arguments, "--json"],
            env=inherited | variables,
            cwd=folder,
            stdin=pipe if browses else subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
        ) as child:
            shown = ""
            for line in child.stderr if browses else ():
                shown += line
                if line.startswith("http"):
                    child.stdin.write(browse(line.strip()) + "\n")
                    child.stdin.flush()
                    break
            stdout, stderr = child.communicate(timeout=120)
        stderr = shown + stderr
        assert SECRET not in stdout + stderr and AGENT_SECRET not in stdout + stderr
        return Ran(child.returncode, stdout, stderr, set(recorder.actions))

    yield one
    recorder.stop()


def browse(address):
    """Where LiveChat sends the browser of somebody who opens this address."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    try:
        urllib.request.build_opener(Stay).open(address)
    except urllib.error.HTTPError as response:
        return response.headers["Location"]
    raise AssertionError(f"{address} does not redirect")


def policy(command):
    return (POLICIES / f"cip-{command}.json").read_text().replace("ACCOUNT", ACCOUNT).replace("REGION", REGION)


def actions(command):
    allowed = [statement["Action"] for statement in json.loads(policy(command))["Statement"]]
    return {action for one in allowed for action in ([one] if isinstance(one, str) else one)}


@pytest.mark.parametrize("command", RUNS)
def test_a_command_works_with_its_policy_and_needs_all_of_it(command, cip, files):
    arguments, code, expected = RUNS[command]
    # CloudFormation names a log group after stack and logical id. The emulator puts a path before them.
    of_emulator = policy(command).replace(f"log-group:{STACK}-*", f"log-group:/aws/cloudformation/{STACK}/Logs")
    ran = cip(command, *(argument.format(**files) for argument in arguments), policies=[of_emulator], folder=files["folder"])
    assert ran.code == code and expected in ran.stdout, ran
    assert ran.actions == actions(command)


def test_a_login_of_an_agent_works_with_its_policy_and_needs_all_of_it(cip, files, emulator):
    (files["folder"] / "secret").write_text(AGENT_SECRET)
    arguments = ["agent", "login", "--yes", "--paste", "--client-id", "sandbox-agent-client", "--client-secret-file", "secret"]
    arguments += ["--redirect-uri", SITE["LiveChatRedirectUri"]]
    called, values = set(), set()
    # The first one creates the secret, and the second one gives it another value.
    for _ in range(2):
        ran = cip("agent-login", *arguments, policies=[policy("agent-login")], folder=files["folder"], browses=True)
        assert ran.code == 0 and "customers:own" in ran.stdout, ran
        called |= ran.actions
        values.add(emulator.client("secretsmanager").get_secret_value(SecretId=f"{STACK}-agent")["SecretString"])
    assert called == actions("agent-login") and len(values) == 2


def test_doctor_finds_the_settings_keys_and_api_of_a_stack(cip):
    report = json.loads(cip("doctor-report", "doctor", policies=[policy("doctor")]).stdout)
    found = {check: {one["status"] for one in report["checks"] if one["check"] == check} for check in ("settings", "keys", "api")}
    assert found == {"settings": {"ok"}, "keys": {"ok"}, "api": {"ok"}}, report


def test_every_command_has_a_policy_that_is_tested():
    def commands_of(*of):
        said = subprocess.run([BINARIES / "cip", *of, "--help"], capture_output=True, text=True, check=True).stdout
        listed = said.split("Commands:\n")[1].split("\n\n")[0]
        return set(re.findall(r"^  ([a-z-]+)", listed, re.MULTILINE)) - {"help"}

    groups = {"agent", "user"}
    commands = commands_of() - groups | {f"{group}-{name}" for group in groups for name in commands_of(group)}
    assert commands == set(RUNS) | {"agent-login"}


def test_the_page_for_operators_lists_the_actions_of_each_policy():
    page = (ROOT / "docs/operations.md").read_text()
    rows = re.findall(r"^\|.*\(policies/cip-([a-z-]+)\.json\).*?\|(.*)\|$", page, re.MULTILINE)
    listed = {command: set(re.findall(r"`([a-z]+:[A-Z]\w+)`", row)) for command, row in rows}
    assert listed == {path.stem.removeprefix("cip-"): actions(path.stem.removeprefix("cip-")) for path in POLICIES.glob("*.json")}


def test_a_policy_is_for_this_stack_only(emulator):
    resources = {
        "cloudformation": "arn:aws:cloudformation:{}:{}:stack/{}/1",
        "dynamodb": "arn:aws:dynamodb:{}:{}:table/{}-Table-1",
        "secretsmanager": "arn:aws:secretsmanager:{}:{}:secret:{}-AbCdEf",
        "logs": "arn:aws:logs:{}:{}:log-group:{}-Logs-1",
    }

    def decision(command, action, stack):
        arn = resources[action.split(":")[0]].format(REGION, ACCOUNT, stack)
        answer = emulator.client("iam").simulate_custom_policy(
            PolicyInputList=[policy(command)], ActionNames=[action], ResourceArns=[arn]
        )
        return answer["EvaluationResults"][0]["EvalDecision"]

    for path in POLICIES.glob("*.json"):
        command = path.stem.removeprefix("cip-")
        # It names only the search itself, by an id that AWS has chosen.
        for action in actions(command) - {"logs:GetQueryResults"}:
            assert decision(command, action, STACK) == "allowed" != decision(command, action, "shop"), (command, action)


@pytest.mark.parametrize("arguments", [["stats"], ["user", "show", "alice"], ["logs", "alice"], ["doctor"]], ids=" ".join)
def test_without_a_permission_aws_names_it(cip, arguments):
    ran = cip("nobody-" + "-".join(arguments), *arguments)
    assert (ran.code, ran.stdout) == (3, ""), ran
    assert "cloudformation:DescribeStacks" in ran.stderr and "docs/operations.md" in ran.stderr and ran.stderr.count("\n") == 1, ran


def test_a_table_without_a_permission_is_not_a_stack_without_users(cip):
    ran = cip("half", "user", "show", "alice", policies=[policy("bench")])
    assert (ran.code, ran.stdout) == (3, "") and "AccessDenied" in ran.stderr, ran


def test_a_stack_that_is_missing_or_of_another_kind_is_named(cip, emulator):
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    emulator.client("cloudformation").create_stack(StackName="other", TemplateBody=json.dumps(topic))
    anything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    missing = cip("missing", "stats", "--stack", "nowhere", policies=[anything])
    assert (missing.code, missing.stderr) == (2, f"cip: There is no stack nowhere in {REGION}: give --stack, --region or --profile.\n")
    for command in (["stats"], ["user", "show", "alice"], ["logs", "alice"], ["bench"], ["doctor"]):
        other = cip("other-" + "-".join(command), *command, "--stack", "other", policies=[anything])
        assert other.code == 2 and "is it one of livechat-cip?" in other.stderr, (command, other)
