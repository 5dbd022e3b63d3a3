"""A proxy in front of the emulator that records which actions of AWS a program calls."""

import http.server
import threading
import urllib.error
import urllib.parse
import urllib.request

# By the first part of `X-Amz-Target`. A request without it is one of CloudFormation's: a form with the field `Action`.
SERVICES = {"DynamoDB_20120810": "dynamodb", "Logs_20140328": "logs", "secretsmanager": "secretsmanager"}


class Recorder:
    """`replace` is called with each response's body, and returns another one."""

    def __init__(self, upstream, replace=lambda body: body):
        self.actions = set()
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                recorder.actions.add(action(self.headers, body))
                request = urllib.request.Request(upstream + self.path, body, dict(self.headers.items()), method="POST")
                try:
                    response = urllib.request.urlopen(request, timeout=60)
                except urllib.error.HTTPError as refusal:
                    response = refusal
                with response:
                    body = replace(response.read())
                    self.send_response(response.status)
                for name, value in response.headers.items():
                    # These belong to the connection, or to the former body. The SDK compares DynamoDB's bodies with the checksum.
                    if name.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def action(headers, body):
    """The action as IAM names it, such as `dynamodb:GetItem`."""
    if target := headers.get("X-Amz-Target"):
        service, operation = target.split(".")
        return f"{SERVICES[service]}:{operation}"
    return "cloudformation:" + urllib.parse.parse_qs(body.decode())["Action"][0]
