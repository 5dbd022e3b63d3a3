"""The template as CloudFormation sees it: transformed by SAM, and resolved for a set of parameters."""

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
# Where `sam deploy` would have put the functions' code, each in `<logical id>.zip`.
CODE_BUCKET = "code"
FUNCTIONS = {"GetToken": "getToken", "GetFreshToken": "getFreshToken", "HasToken": "hasToken", "Invalidate": "invalidate"}


@functools.cache
def _parsed():
    return yaml_parse((ROOT / "template.yaml").read_text())


def source():
    """The template as it is written."""
    return copy.deepcopy(_parsed())


def transformed(parameters):
    """What SAM makes of it. As on AWS, it needs to know the parameters' values."""
    template = source()
    del template["Globals"]["Function"]["CodeUri"]
    for name in FUNCTIONS:
        template["Resources"][name]["Properties"]["CodeUri"] = f"s3://{CODE_BUCKET}/{name}.zip"
    defaults = {name: str(rule["Default"]) for name, rule in template["Parameters"].items() if "Default" in rule}
    plain = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION)).translate(template, defaults | parameters)
    return json.loads(json.dumps(plain))


def resolved(parameters):
    """The resources and outputs that these parameters lead to; a reference is the logical id of what it refers to."""
    Template.StackId, Template.StackName, Template.Region = STACK_ID, "site", REGION
    template = Template(transformed(parameters))
    template.render(copy.deepcopy(parameters), REGION)
    return _without_gaps(template.template)


def _without_gaps(value):
    """AWS::NoValue takes an entry out of a list; the library leaves an empty text there."""
    if isinstance(value, dict):
        return {key: _without_gaps(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_gaps(one) for one in value if one != ""]
    return value


def of_type(stack, kind):
    """Logical ids and properties of the resources of a type, which is named without `AWS::`."""
    return {name: one.get("Properties", {}) for name, one in stack["Resources"].items() if one["Type"] == f"AWS::{kind}"}


def statements(stack, role):
    """All that a role allows."""
    own = of_type(stack, "IAM::Role")[role].get("Policies", [])
    shared = [policy for policy in of_type(stack, "IAM::Policy").values() if role in policy["Roles"]]
    return [statement for policy in own + shared for statement in policy["PolicyDocument"]["Statement"]]
