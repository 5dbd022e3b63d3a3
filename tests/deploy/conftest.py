"""Fixtures for the tests: the emulator, the sandbox and stacks. Prints a summary of the stacks that were created."""

import ast
import json
import os
import re
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from emulator import Emulator
from parameters import SITE
from template import FUNCTIONS, ROOT, resolved

# The functions and the stand-in for LiveChat, built by `cargo build --workspace`.
BINARIES = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"
_created = []
os.environ["NO_PROXY"] = "127.0.0.1"


def binary_of(function):
    """The debug binary of a function, by its logical id."""
    return BINARIES / re.sub(r"(?<=[a-z])(?=[A-Z])", "-", function).lower()


@pytest.fixture(scope="session")
def resolve():
    """The resolved template for a set of parameters. Each one is resolved only once."""
    cache = {}

    def one(parameters):
        key = tuple(sorted(parameters.items()))
        if key not in cache:
            cache[key] = resolved(parameters)
        return cache[key]

    return one


@pytest.fixture(scope="session")
def folder():
    with tempfile.TemporaryDirectory(prefix="livechat-cip.") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def emulator(folder):
    binaries = {name: binary_of(name) for name in FUNCTIONS}
    missing = [str(binary) for binary in binaries.values() if not binary.exists()]
    if missing:
        pytest.fail(f"Run `cargo build --workspace` first: {', '.join(missing)} do not exist", pytrace=False)
    emulator = Emulator(folder, binaries)
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def livechat(folder):
    """The parameters of a site whose LiveChat is the sandbox."""
    command = [BINARIES / "local", "sandbox", "--port", "0", "--redirect-uri", SITE["LiveChatRedirectUri"]]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as sandbox:
        url = sandbox.stdout.readline().split()[1]
        yield SITE | {
            "LiveChatClientId": "sandbox-client",
            "LiveChatOrganizationId": "11111111-2222-4333-8444-555555555555",
            "LiveChatAccountsUrl": url,
        }
        sandbox.terminate()


@pytest.fixture(scope="session")
def create(emulator):
    """Creates a stack, which must succeed."""

    def one(name, parameters):
        stack = emulator.create(name, parameters)
        _created.append(stack)
        assert stack.status == "CREATE_COMPLETE", stack.reason
        return stack

    return one


@pytest.fixture(scope="session")
def call(emulator):
    """Calls a stack's API, and returns status, headers and body."""

    def one(stack, method, path, **headers):
        url = f"{emulator.url}/_aws/execute-api/{stack.resources['Api'][1]}/$default/{path}"
        request = urllib.request.Request(url, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.headers, json.loads(response.read() or "null")
        except urllib.error.HTTPError as response:
            return response.code, response.headers, response.read().decode()

    return one


@pytest.fixture(scope="session")
def walk(call):
    """All four operations for one user, with these credentials. Returns the LiveChat customer."""

    def one(stack, credentials):
        status, _, token = call(stack, "GET", "getToken", authorization=credentials)
        assert status == 200, token
        assert call(stack, "GET", "getToken", authorization=credentials)[1]["cache-status"] == "livechat-cip; hit"
        assert call(stack, "GET", "hasToken", authorization=credentials)[2] is True
        status, _, fresh = call(stack, "POST", "getFreshToken", authorization=credentials)
        assert (status, fresh["entityId"]) == (200, token["entityId"]) and fresh["accessToken"] != token["accessToken"]
        assert call(stack, "POST", "invalidate", authorization=credentials)[0] == 200
        assert call(stack, "GET", "hasToken", authorization=credentials)[2] is False
        assert call(stack, "GET", "getToken")[0] == 401
        return token["entityId"]

    return one


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("the emulator")
    terminalreporter.line(ast.get_docstring(ast.parse(Path(__file__).with_name("aws.py").read_text())))
    for stack in _created:
        types = Counter(kind.removeprefix("AWS::") for kind, _ in stack.resources.values())
        terminalreporter.section(f"stack {stack.name}: {stack.status}")
        terminalreporter.line("created: " + ", ".join(f"{count} {kind}" for kind, count in sorted(types.items())))
