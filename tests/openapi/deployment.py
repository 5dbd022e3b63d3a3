"""Restricts openapi.yaml to the deployment under test and to one kind of caller.

openapi.yaml describes all deployments at once. After the restriction, a request that fits it must succeed, and any other request must
be refused. `CALLER` is

- anyone: AUTH=none, without guests. The path names the user.
- alice: AUTH=jwt or hmac (`SCHEME`: bearer or userHash), with her credentials.
- guest: no credentials.
"""

import json
import os

import schemathesis

CALLER, SCHEME, GUESTS = os.environ["CALLER"], os.environ["SCHEME"], os.environ["GUESTS"] == "true"


def has_path(path):
    with_user = "{user}" in path
    return with_user if CALLER == "anyone" or SCHEME == "userHash" else not with_user or CALLER == "alice"


def has_parameter(parameter, path):
    if parameter == "userHashExpires":
        return False  # It is part of the hashed text, so only the value for the given hash is accepted.
    if parameter == "guest":
        # With credentials, every path accepts it. But without them it identifies the caller, and the check `ignored_auth` removes them.
        return CALLER == "guest" or (GUESTS and "{user}" in path)
    return True


@schemathesis.hook
def before_load_schema(context, raw_schema):
    raw_schema["paths"] = {path: item for path, item in raw_schema["paths"].items() if has_path(path)}
    for path, item in raw_schema["paths"].items():
        item["parameters"] = [ref for ref in item["parameters"] if has_parameter(ref["$ref"].rsplit("/", 1)[1], path)]
        for method in ("get", "post"):
            item[method]["security"] = [{SCHEME: []}] if CALLER == "alice" else []
    parameters = raw_schema["components"]["parameters"]
    if CALLER == "alice":
        parameters["user"]["schema"] = {"enum": ["alice"]}  # all other users are refused
    if CALLER == "guest":
        parameters["guest"]["required"] = True


@schemathesis.hook
def filter_case(context, case):
    """The service limits the number of bytes, which a schema cannot. Requests for which the two limits differ are left out."""
    user = case.path_parameters.get("user") if isinstance(case.path_parameters, dict) else None
    if isinstance(user, str) and len(user) <= 256 < len(user.encode()):
        return False
    return not isinstance(case.body, dict) or len(json.dumps(case.body)) <= 1024


@schemathesis.check
def other_methods_conformance(context, response, case):
    """For a method that is not described, the built-in checks only look at the status 405 and at `Allow`."""
    if response.status_code == 405:
        case.operation.validate_response(response)
        described = case.operation.responses.find_by_status_code(405)
        for name, header in described.headers.items():
            values = response.headers.get(name.lower(), [])
            assert len(values) == 1 and header.validator.is_valid(values[0]), f"{name} does not fit its description: {values}"
