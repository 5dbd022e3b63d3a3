#!/usr/bin/env python3
"""How much memory each function takes at most, and how long its calls would be at a memory size, which decides Lambda's share of a core.

    sam build --config-env local
    cargo local --memory &                      # its DynamoDB and sandbox are what the functions talk to
    bench/memory.py .aws-sam/build

AWS Lambda gives a function of 1,769 MB one core, and others a share in proportion
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). A call's processor time by that share is the longest that
it computes; waiting for DynamoDB and LiveChat comes on top, and is the same at any size.
"""

import json
import pathlib
import re
import resource
import subprocess
import sys

from instructions import ROOT, RUNTIME, runtime_api, settings_here

FUNCTIONS = {"GetToken": "get-token", "GetFreshToken": "get-fresh-token", "HasToken": "has-token", "Invalidate": "invalidate"}
SIZES_MB = [128, 256, 512]
WHOLE_CORE_MB = 1_769
CALLS = 500


def run(binary, event, calls, settings):
    """Peak of resident memory in MB, and processor time in ms."""
    server = runtime_api(calls, event)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**RUNTIME, **settings, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"}
    process = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL)
    if not server.idle.wait(120):
        sys.exit(f"{binary} did not ask for the next event")
    peak_kb = int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1])
    process.terminate()
    process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if calls and (status := json.loads(server.answer or "{}").get("statusCode")) != 200:
        sys.exit(f"{binary} answered {status}")
    return peak_kb / 1024, 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # As on AWS, where only Amazon's certificates are read, the start is measured without an endpoint.
    settings = settings_here({"RENEWALS_PER_MINUTE": "100000"})
    on_aws = {name: value for name, value in settings.items() if not name.startswith("AWS_ENDPOINT_URL")}
    print(f"{'':16}{'peak':>8}{'start':>10}{'call':>10}   call at " + "".join(f"{size:>7} MB" for size in SIZES_MB))
    for logical_id, name in FUNCTIONS.items():
        binary = pathlib.Path(sys.argv[1]) / logical_id / "bootstrap"
        event = (ROOT / f"tests/events/{name}.json").read_text()
        _, start_ms = run(binary, event, 0, on_aws)
        _, one_ms = run(binary, event, 1, settings)
        peak_mb, all_ms = run(binary, event, 1 + CALLS, settings)
        call_ms = (all_ms - one_ms) / CALLS
        at = "".join(f"{call_ms * WHOLE_CORE_MB / size:>7.1f} ms" for size in SIZES_MB)
        print(f"{name:16}{peak_mb:>5.1f} MB{start_ms:>7.1f} ms{call_ms:>7.2f} ms           {at}")


if __name__ == "__main__":
    main()
