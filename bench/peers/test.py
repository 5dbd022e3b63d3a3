#!/usr/bin/env python3
"""Calls each peer, and checks its responses.

    cargo build --workspace && bench/peers/build
    bench/peers/test.py target/debug/local

It starts and stops `cargo local` and the peers itself, on free ports. CARGO_TARGET_DIR says where the Rust peers are, as for cargo.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

from runtime_api import ROOT, RUNTIME, runtime_api, settings_here

HERE = pathlib.Path(__file__).resolve().parent

RUST = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE / "rust/target")) / "release"
OPERATIONS = ["get-token", "get-fresh-token", "has-token", "invalidate"]
TOKEN_FIELDS = {"accessToken", "entityId", "expiresIn", "tokenType", "creationDate", "licenseId", "organizationId"}


def event(name, user):
    changes = {"rawPath": f"/{name}/{user}", "pathParameters": {"user": user}}
    return json.dumps(json.loads((ROOT / f"tests/events/{name}.json").read_text()) | changes)


def call(command, event, settings):
    """Starts a function, and returns its status and body for one event."""
    server = runtime_api(1, event)
    environment = {"PATH": os.environ["PATH"], **RUNTIME, **settings, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"}
    with running(command, environment, cwd=HERE / "node", stdout=subprocess.DEVNULL):
        if not server.idle.wait(30):
            sys.exit(f"{command} did not request the next event")
    server.shutdown()
    response = json.loads(server.response)
    return response.get("statusCode"), response.get("body")


@contextlib.contextmanager
def running(command, environment=None, **options):
    process = subprocess.Popen(command, env=environment, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def cargo_local(binary):
    """A running `cargo local`: the settings of a function that uses it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LIVECHAT_", "AWS_"))}
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "--memory", "--port", "0"]
        with running(command, clean, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            urls = {}
            while not {"API", "DynamoDB", "LiveChat"} <= urls.keys():
                name, url, *_ = (process.stdout.readline() or sys.exit("cargo local did not start")).split() + ["", ""]
                urls[name] = url
            changes = {
                "AWS_ENDPOINT_URL_DYNAMODB": urls["DynamoDB"],
                "LIVECHAT_ACCOUNTS_URL": urls["LiveChat"],
                # The sandbox accepts only the page of this `cargo local`.
                "LIVECHAT_REDIRECT_URI": urls["API"] + "/",
            }
            yield settings_here(changes)


def check(name, actual, expected):
    if actual != expected:
        sys.exit(f"{name}: {actual!r} instead of {expected!r}")
    print(f"ok  {name}")


def test_rust(settings):
    check("rust: empty", call([RUST / "empty"], event("get-token", "anna"), settings), (200, "ok"))
    status, body = call([RUST / "get-item"], event("get-token", "anna"), settings)
    check("rust: get-item, no item", (status, body), (200, '{"attributes":0}'))
    post(settings["LIVECHAT_REDIRECT_URI"] + "getToken/anna")
    status, body = call([RUST / "get-item"], event("get-token", "anna"), settings)
    check("rust: get-item, an item", status == 200 and json.loads(body)["attributes"] > 10, True)


def node(name, settings, user="anna"):
    command = ["node", "node_modules/aws-lambda-ric/bin/index.mjs", f"dist/{name}.handler"]
    status, body = call(command, event(name, user), settings)
    if status != 200:
        sys.exit(f"node: {name} returned {status} {body}")
    return json.loads(body)


def test_node(settings):
    get_token, get_fresh_token, has_token, invalidate = (lambda name=name: node(name, settings) for name in OPERATIONS)
    check("node: hasToken, a new user", has_token(), False)
    check("node: invalidate, a new user", invalidate(), None)
    first = get_token()
    check("node: getToken, a new user", first.keys(), TOKEN_FIELDS)
    check("node: the token is new, in ms", abs(first["creationDate"] - time.time() * 1000) < 60_000, True)
    check("node: it lives 8 hours, in ms", first["expiresIn"], 28_800_000)
    check("node: hasToken", has_token(), True)
    check("node: getToken, stored", get_token(), first)
    fresh = get_fresh_token()
    check("node: getFreshToken, another token", fresh["accessToken"] != first["accessToken"], True)
    check("node: getFreshToken, the same customer", fresh["entityId"], first["entityId"])
    check("node: getToken, the fresh token", get_token(), fresh)
    check("node: invalidate", invalidate(), None)
    check("node: hasToken, after that", has_token(), False)
    check("node: getToken, the same customer", get_token()["entityId"], first["entityId"])


def test_node_in_parallel(settings):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(lambda _: node("get-token", settings, "ben"), range(4)))
    check("node: one customer for calls at once", len({token["entityId"] for token in tokens}), 1)


def test_node_failure(settings):
    nobody = {**settings, "LIVECHAT_ACCOUNTS_URL": "http://127.0.0.1:9"}
    command = ["node", "node_modules/aws-lambda-ric/bin/index.mjs", "dist/get-token.handler"]
    check("node: LiveChat is down", call(command, event("get-token", "eve"), nobody), (503, '{"code":"livechat_unavailable"}'))
    check("node: the lease has ended", node("get-token", settings, "eve").keys(), TOKEN_FIELDS)


def post(url):
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as response:
        return json.load(response)


def test_express(settings):
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": os.environ["PATH"], **settings, "PORT": "0"}
        command = ["node", HERE / "express/server.mjs"]
        with running(command, environment, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            url = process.stdout.readline().strip()
            check("express: hasToken, a new user", post(f"{url}/hasToken/anna"), False)
            first = post(f"{url}/getToken/anna")
            check("express: getToken, a new user", bool(first["accessToken"] and first["entityId"]), True)
            check("express: getToken, stored", post(f"{url}/getToken/anna"), first)
            check("express: hasToken", post(f"{url}/hasToken/anna"), True)
            fresh = post(f"{url}/getFreshToken/anna")
            check("express: getFreshToken, the same customer", fresh["entityId"], first["entityId"])
            check("express: invalidate", post(f"{url}/invalidate/anna"), None)
            check("express: hasToken, after that", post(f"{url}/hasToken/anna"), False)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with cargo_local(pathlib.Path(sys.argv[1]).resolve()) as settings:
        for test in [test_rust, test_node, test_node_in_parallel, test_node_failure, test_express]:
            test(settings)


if __name__ == "__main__":
    main()
