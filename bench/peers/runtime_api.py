"""A stand-in for Lambda's runtime API, for the test of the peers. The measurements have another one, in ../harness."""

import http.server
import json
import pathlib
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
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


def settings_here(changes):
    here = {name: value.replace("host.docker.internal", "127.0.0.1") for name, value in SETTINGS.items()}
    return {**here, **changes}
