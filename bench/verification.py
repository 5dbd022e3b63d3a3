#!/usr/bin/env python3
"""Measures how much the verification of the caller adds to a call with a stored token, for each way to verify callers.

    sam build                                   # or: cargo build --release
    cargo local --memory &                      # the function uses its DynamoDB and sandbox
    bench/verification.py .aws-sam/build/GetToken/bootstrap

Instructions are counted by valgrind's callgrind, over ten warm calls. Callgrind does not support some instructions of new processors,
which make ring faster. Times are processor times per call, over some thousand calls. They vary with the load of the machine, so
compare only times of the same run. Needs openssl.
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from instructions import EVENT, RUNTIME, instructions, runtime_api, settings_here

CALLS = 2_000
USER = "anna+news@example.com"
SECRET = "bench-secret-0123456789-0123456789-0123456789"


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(algorithm, sign):
    header = {"typ": "JWT", "alg": algorithm, "kid": "1"}
    now = int(time.time())
    claims = {"iss": "https://login.example/", "aud": "livechat", "sub": USER, "iat": now, "exp": now + 3600}
    message = b".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    return (message + b"." + encode(sign(message))).decode()


def fixed(der):
    """An ECDSA signature in the format of JWTs: both numbers with 32 bytes, not ASN.1."""
    first = 4 + der[3]
    numbers = der[4:first], der[first + 2 : first + 2 + der[first + 1]]
    return b"".join(number.lstrip(b"\0").rjust(32, b"\0") for number in numbers)


def key(folder, name, *options):
    file = str(pathlib.Path(folder) / name)
    openssl("genpkey", *options, "-out", file)
    return file, openssl("pkey", "-in", file, "-pubout").decode()


def modes(folder):
    """Name, settings and headers of each way to verify callers."""
    yield "AUTH=none", {"AUTH": "none"}, {}
    mac = lambda message: hmac.new(SECRET.encode(), message, hashlib.sha256)
    yield "hmac", {"AUTH": "hmac", "HMAC_SECRET": SECRET}, {"x-user-hash": mac(USER.encode()).hexdigest()}
    bearer = lambda value: {"authorization": f"Bearer {value}"}
    yield "jwt, HS256", {"AUTH": "jwt", "JWT_SECRET": SECRET}, bearer(token("HS256", lambda message: mac(message).digest()))
    file, pem = key(folder, "rsa", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    sign = lambda message: openssl("dgst", "-sha256", "-sign", file, data=message)
    yield "jwt, RS256 (2048 bits)", {"AUTH": "jwt", "JWT_PUBLIC_KEY": pem}, bearer(token("RS256", sign))
    file_ec, pem = key(folder, "ec", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    sign = lambda message: fixed(openssl("dgst", "-sha256", "-sign", file_ec, data=message))
    yield "jwt, ES256", {"AUTH": "jwt", "JWT_PUBLIC_KEY": pem}, bearer(token("ES256", sign))


def processor_ms(binary, calls, settings, event):
    server = runtime_api(calls, event)
    variables = {**RUNTIME, **settings, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}", "RUST_LOG": "error"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen([binary], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not server.idle.wait(120):
        sys.exit(f"{binary} did not handle all calls")
    process.terminate()
    process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        base = None
        for name, changes, headers in modes(folder):
            settings = settings_here(changes)
            event = json.loads(EVENT)
            event["headers"].update(headers)
            event = json.dumps(event)
            # The very first call creates the customer, so it is left out.
            instructions(binary, 1, settings, event)
            count = (instructions(binary, 12, settings, event) - instructions(binary, 2, settings, event)) // 10
            cold, warm = (processor_ms(binary, calls, settings, event) for calls in (10, 10 + CALLS))
            took = (warm - cold) / CALLS
            base = base or (count, took)
            print(f"{name:24} {count:>10,} instructions, {count - base[0]:>+9,}; {took:.3f} ms, {took - base[1]:+.3f} ms", flush=True)


main()
