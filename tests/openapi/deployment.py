"""openapi.yaml describes all deployments at once. This makes of it what the one under test has for callers of one kind, so that
what fits must be answered, and what does not must be refused. `CALLER` is

- anyone: AUTH=none, without guests. The path says who the user is.
- alice: AUTH=jwt or hmac (`SCHEME`: bearer or userHash), with her credentials.
- guest: nobody's credentials.
"""

import json
import os

import schemathesis

CALLER, SCHEME, GUESTS = os.environ["CALLER"], os.environ["SCHEME"], os.environ["GUESTS"] == "true"


def is_there(path):
    with_user = "{user}" in path
    return with_user if CALLER == "anyone" or SCHEME == "userHash" else not with_user or CALLER == "alice"


def is_heeded(parameter, path):
    if parameter == "userHashExpires":
        return False  # It is part of what is hashed, so no other than the hash's own is ever right.
    if parameter == "guest":
        # With credentials it could be on every path; without them it is who is calling, which `ignored_auth` must not meet.
        return CALLER == "guest" or (GUESTS and "{user}" in path)
    return True


@schemathesis.hook
def before_load_schema(context, raw_schema):
    raw_schema["paths"] = {path: item for path, item in raw_schema["paths"].items() if is_there(path)}
    for path, item in raw_schema["paths"].items():
        item["parameters"] = [ref for ref in item["parameters"] if is_heeded(ref["$ref"].rsplit("/", 1)[1], path)]
        for method in ("get", "post"):
            item[method]["security"] = [{SCHEME: []}] if CALLER == "alice" else []
    parameters = raw_schema["components"]["parameters"]
    if CALLER == "alice":
        parameters["user"]["schema"] = {"enum": ["alice"]}  # and everybody else is refused
    if CALLER == "guest":
        parameters["guest"]["required"] = True


@schemathesis.hook
def filter_case(context, case):
    """The service counts bytes, which a schema cannot: what fits the one and not the other is left out."""
    user = case.path_parameters.get("user") if isinstance(case.path_parameters, dict) else None
    if isinstance(user, str) and len(user) <= 256 < len(user.encode()):
        return False
    return not isinstance(case.body, dict) or len(json.dumps(case.body)) <= 1024


@schemathesis.check
def other_methods_conformance(context, response, case):
    """Where a method was not described, the checks that there are look for 405 and `Allow`, and no further."""
    if response.status_code == 405:
        case.operation.validate_response(response)
        described = case.operation.responses.find_by_status_code(405)
        for name, header in described.headers.items():
            values = response.headers.get(name.lower(), [])
            assert len(values) == 1 and header.validator.is_valid(values[0]), f"{name} is not as described: {values}"
