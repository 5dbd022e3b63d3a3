#!/usr/bin/env python3
"""Measures how much the verification of the caller adds to a call with a stored token, for each way to verify callers.

    cargo build --release
    bench/verification.py target/release/get-token

Instructions are counted by valgrind's callgrind, over ten later calls. Callgrind does not support some instructions of new processors,
which make ring faster. Times are processor times per call, over some thousand calls. They vary with the load of the machine, so
compare only times of the same run. Needs openssl and valgrind. The program in bench/harness calls the function.
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
HARNESS = ["cargo", "run", "--quiet", "--profile", "measure", "-p", "harness", "--"]
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


def measure(what, binary, settings, headers):
    """What the harness counts, for one user with these headers."""
    options = [option for name, value in headers.items() for option in ("--header", f"{name}={value}")]
    variables = [f"{name}={value}" for name, value in {**settings, "RUST_LOG": "error"}.items()]
    command = [*HARNESS, what, "--json", "--operation", "get-token", "--user", USER, *options, binary, *variables]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        base = None
        for name, settings, headers in modes(folder):
            count = measure("instructions", binary, settings, headers)["later"]
            took = measure("memory", binary, settings, headers)["callProcessorMs"]
            base = base or (count, took)
            print(f"{name:24} {count:>10,} instructions, {count - base[0]:>+9,}; {took:.3f} ms, {took - base[1]:+.3f} ms", flush=True)


main()
