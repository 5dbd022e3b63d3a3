"""An emulator of AWS for a stack of this template: ministack, with what it lacks. Started by `emulator.py`.

What is not as on AWS:
- CodeDeploy's applications and deployment groups are only names: an alias switches to a new version at once, without hooks or alarms.
- An alarm on a calculation is created as an alarm on the first metric of the calculation.
- A table has no TTL, no point-in-time recovery, no deletion protection and no replicas.
"""

import itertools
import json
import os
import re

from ministack.app import main
from ministack.core.responses import get_region
from ministack.services import cloudwatch_logs
from ministack.services.cloudformation import changesets, engine, handlers, provisioners
from samtranslator.translator.transform import transform

_numbers = itertools.count(1)


def _only_a_name(logical_id, properties, stack_name):
    return properties.get("ApplicationName", f"{stack_name}-{logical_id}-{next(_numbers)}"), {}


def _of_one_metric(handle):
    def handle_alarm(*arguments):
        arguments = [_with_first_metric(one) if isinstance(one, dict) else one for one in arguments]
        return handle(*arguments)

    return handle_alarm


def _with_first_metric(properties):
    if "Metrics" not in properties:
        return properties
    of_a_metric = next(one["MetricStat"] for one in properties["Metrics"] if "MetricStat" in one)
    other = {key: value for key, value in properties.items() if key != "Metrics"}
    return other | of_a_metric["Metric"] | {"Statistic": of_a_metric["Stat"], "Period": of_a_metric["Period"]}


def _with_parameters(apply_transforms):
    """SAM's transformation with the stack's parameters, as on AWS. ministack's own one leaves them out, so a changed parameter would
    publish no new version of a function."""

    def apply(template, provided=None, previous=None):
        if engine._SAM_TRANSFORM not in engine.declared_transforms(template):
            return apply_transforms(template, provided, previous)
        values = engine._transform_parameters(template, provided, previous)
        os.environ["AWS_DEFAULT_REGION"] = get_region()  # where the transformation looks for it
        return transform(template, values, engine._NO_IAM_POLICY_LOADER)

    return apply


def _with_fields_of_json(compile_filter):
    """Logs Insights filters by the fields of a line that is JSON. ministack leaves out a filter that it does not know."""

    def compile_one(stage):
        equal = re.fullmatch(r"\s*filter\s+(\w+)\s*=\s*'([^']*)'\s*", stage)
        return compile_filter(stage) if not equal else lambda record: _field(record, equal[1]) == equal[2]

    return compile_one


def _field(record, name):
    try:
        return json.loads(cloudwatch_logs._public_log_record(record)["@message"]).get(name)
    except ValueError:
        return None


for kind in ("AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"):
    provisioners._RESOURCE_HANDLERS[kind] = {"create": _only_a_name, "delete": lambda *_: None}
alarm = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]
alarm |= {action: _of_one_metric(alarm[action]) for action in ("create", "update")}
for module in (changesets, handlers):
    module._apply_transforms = _with_parameters(engine._apply_transforms)

cloudwatch_logs._compile_insights_filter = _with_fields_of_json(cloudwatch_logs._compile_insights_filter)

if __name__ == "__main__":
    main()
