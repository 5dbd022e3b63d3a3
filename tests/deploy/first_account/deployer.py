"""A deployment by somebody who has the deployer's policy and nothing else."""

import json
import re
import time

from botocore.exceptions import ClientError

from .steps import NotPossible


def deploy_with_policy(account, policy, parameters):
    """Creates, updates and removes a stack. Returns the deployments until the first failure, and notes about the policy."""
    name = f"{account.stack}-deployer"
    environment = credentials(account, for_stack(account, policy, name))
    notes = {
        "policy_characters": len(re.sub(r"\s", "", policy)),
        "not_covered": "the bucket that `sam deploy --resolve-s3` creates: the script uploads to a bucket of its own",
    }
    steps = [account.deploy(name, parameters, environment=environment)]
    if steps[-1].code == 0:
        steps.append(account.deploy(name, {**parameters, "RenewalsPerMinute": "11"}, environment=environment))
    if steps[-1].code == 0:
        steps.append(account.delete(name, environment))
    return steps, notes


def for_stack(account, policy, name):
    """The policy for this stack, account, region and bucket. It is written for a stack `livechat-cip`."""
    # The access log's group has the project's name, and after it the stack's.
    policy = re.sub(r"(?<!vendedlogs/)livechat-cip", name, policy)
    policy = policy.replace("aws-sam-cli-managed-default-*", account.bucket)
    for placeholder, value in {"ACCOUNT": account.id, "REGION": account.region, "arn:aws:": f"arn:{account.caller.split(':')[1]}:"}.items():
        policy = policy.replace(placeholder, value)
    # What is left of the optional parts (KEY, ZONE, DOMAIN) names nothing.
    json.loads(policy)
    return policy


def credentials(account, policy):
    iam, sts, name = account.client("iam"), account.client("sts"), account.role_name
    if account.stopping:
        raise NotPossible("the script is being stopped")
    trust = {"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    iam.put_role_policy(RoleName=name, PolicyName="deployer", PolicyDocument=policy)
    deadline = time.monotonic() + 90
    while True:
        try:
            found = sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="first-account", DurationSeconds=3600)["Credentials"]
            break
        except ClientError as error:  # a new role takes some seconds to work
            if time.monotonic() > deadline:
                # The account's root user may not assume a role.
                raise NotPossible(f"the role with the policy cannot be assumed: {error}") from None
            time.sleep(5)
    time.sleep(0 if account.emulated else 15)  # so does its policy
    return {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["SessionToken"],
        "AWS_PROFILE": None,
    }
