#!/usr/bin/env python3
"""Counts the instructions of a function before its first event, on its first call, and on each later call.

    sam build                                   # or: cargo build --release
    cargo local --memory &                      # the function uses its DynamoDB and sandbox
    bench/instructions.py .aws-sam/build/GetToken/bootstrap

Instructions are counted by valgrind's callgrind. Unlike times, they are the same in each run and on each machine of the same kind.
A setting can be passed to the function as NAME=VALUE. For example, LIVECHAT_ACCOUNTS_URL=https://localhost:4443, with an
`openssl s_server` there, shows the cost of a TLS handshake.
"""

import http.server
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
EVENT = (ROOT / "tests/events/get-token.json").read_text()
SETTINGS = json.loads((ROOT / "tests/events/env.json").read_text())["Parameters"]
RUNTIME = {
    "AWS_LAMBDA_FUNCTION_NAME": "get-token",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    """Returns `calls` events, and then lets the function wait."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.server.calls == 0:
            self.server.idle.set()
            threading.Event().wait(60)
            return
        self.server.calls -= 1
        body = self.server.event.encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "request")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 600_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:000000000000:function:get-token")
        # AWS's client for Node crashes without it.
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        if length := self.headers.get("Content-Length"):
            self.server.response = self.rfile.read(int(length)).decode()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()


def runtime_api(calls, event):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.daemon_threads = True
    # It is not an error if a function ends while it waits for an event.
    server.handle_error = lambda *_: None
    server.calls, server.event, server.idle, server.response = calls, event, threading.Event(), ""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def instructions(binary, calls, settings, event=EVENT):
    server = runtime_api(calls, event)
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", binary],
            env={**RUNTIME, **settings, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        came_back = server.idle.wait(120)
        process.send_signal(signal.SIGTERM)
        report = process.communicate(timeout=60)[1]
    counted = re.search(r"Collected : (\d+)", report)
    if not came_back or not counted:
        sys.exit(f"{binary} did not request the next event:\n{report}")
    if calls and (status := json.loads(server.response or "{}").get("statusCode")) != 200:
        print(f"  (returned {status})", file=sys.stderr)
    return int(counted[1])


def settings_here(changes):
    here = {name: value.replace("host.docker.internal", "127.0.0.1") for name, value in SETTINGS.items()}
    return {**here, **changes}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    binary = sys.argv[1]
    settings = settings_here(dict(argument.split("=", 1) for argument in sys.argv[2:]))
    # As on AWS: without an endpoint, the function reads only Amazon's certificates.
    on_aws = {name: value for name, value in settings.items() if not name.startswith("AWS_ENDPOINT_URL")}
    # A user of its own, so that the first call gets a token and all others find it, whatever the table has.
    event = EVENT.replace("anna", f"bench-{time.time_ns()}")
    start = instructions(binary, 0, settings, event)
    renewal = instructions(binary, 1, settings, event)
    first = instructions(binary, 1, settings, event)
    more = instructions(binary, 11, settings, event)
    print(f"before the first event   {instructions(binary, 0, on_aws):>12,}")
    print(f"  with an endpoint       {start:>12,}   (reads the system's certificates)")
    print(f"first call, a new user   {renewal - start:>12,}")
    print(f"first call, from table   {first - start:>12,}")
    print(f"each call after that     {(more - first) // 10:>12,}")


if __name__ == "__main__":
    main()
