"""The template as CloudFormation gets it: transformed by SAM, and resolved for a set of parameters."""

import copy
import functools
import json
from pathlib import Path

import boto3
from cloud_radar.cf.unit import Template
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
REGION = "eu-central-1"
STACK_ID = f"arn:aws:cloudformation:{REGION}:123456789012:stack/site/51af3dc0-da77-11e4-872e-1234567db123"
# The bucket for the functions' code, each in `<logical id>.zip`. `sam deploy` would create it.
CODE_BUCKET = "code"
FUNCTIONS = {"GetToken": "getToken", "GetFreshToken": "getFreshToken", "HasToken": "hasToken", "Invalidate": "invalidate"}


@functools.cache
def _parsed():
    return yaml_parse((ROOT / "template.yaml").read_text())


def source():
    """The template as it is written."""
    return copy.deepcopy(_parsed())


def source_with_code():
    """The template with the code of the functions in the bucket, as `sam deploy` sends it to CloudFormation."""
    template = source()
    del template["Globals"]["Function"]["CodeUri"]
    for name in FUNCTIONS:
        template["Resources"][name]["Properties"]["CodeUri"] = f"s3://{CODE_BUCKET}/{name}.zip"
    check = template["Resources"]["StartCheck"]["Properties"]["Code"]
    check["ZipFile"] = without_patience(check["ZipFile"])
    return template


def without_patience(text):
    """The code of StartCheck, or a text that has it, with a short time for new permissions: on the emulator, they work at once."""
    assert (patience := "SECONDS, PAUSE = 60, 5\n") in text
    return text.replace(patience, "SECONDS, PAUSE = 1, 0.2\n")


def transformed(parameters, template=None):
    """The template after SAM's transformation, which needs the values of the parameters, as on AWS."""
    template = template or source_with_code()
    defaults = {name: str(rule["Default"]) for name, rule in template["Parameters"].items() if "Default" in rule}
    plain = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION)).translate(template, defaults | parameters)
    return json.loads(json.dumps(plain))


def resolved(parameters):
    """The resources and outputs for these parameters. A reference is resolved to the logical id of its target."""
    Template.StackId, Template.StackName, Template.Region = STACK_ID, "site", REGION
    template = Template(transformed(parameters))
    template.render(copy.deepcopy(parameters), REGION)
    return _without_empty_entries(template.template)


def _without_empty_entries(value):
    """AWS::NoValue removes an entry from a list. The library leaves an empty string in its place."""
    if isinstance(value, dict):
        return {key: _without_empty_entries(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_empty_entries(one) for one in value if one != ""]
    return value


def of_type(stack, kind):
    """Logical ids and properties of the resources of a type. `kind` is the type without `AWS::`."""
    return {name: one.get("Properties", {}) for name, one in stack["Resources"].items() if one["Type"] == f"AWS::{kind}"}


def statements(stack, role):
    """All statements of a role's policies."""
    own = of_type(stack, "IAM::Role")[role].get("Policies", [])
    shared = [policy for policy in of_type(stack, "IAM::Policy").values() if role in policy["Roles"]]
    return [statement for policy in own + shared for statement in policy["PolicyDocument"]["Statement"]]
