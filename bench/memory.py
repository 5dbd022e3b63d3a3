#!/usr/bin/env python3
"""Measures the peak memory of each function, and estimates the time of a call at several memory sizes.

    sam build --config-env local
    cargo local --memory &                      # the functions use its DynamoDB and sandbox
    bench/memory.py .aws-sam/build

AWS Lambda gives a function of 1,769 MB one core, and a smaller function a share in proportion
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). The estimate is the processor time of a call, divided by this
share. The time for DynamoDB and LiveChat is not included: it is the same at any size.
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
    """Returns the peak of resident memory in MB, and the processor time in ms."""
    server = runtime_api(calls, event)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**RUNTIME, **settings, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"}
    process = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL)
    if not server.idle.wait(120):
        sys.exit(f"{binary} did not request the next event")
    peak_kb = int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1])
    process.terminate()
    process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if calls and (status := json.loads(server.response or "{}").get("statusCode")) != 200:
        sys.exit(f"{binary} returned {status}")
    return peak_kb / 1024, 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # The start is measured without an endpoint, as on AWS: then only Amazon's certificates are read.
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
