"""Observations during deployments: what callers get, where the aliases point, what CodeDeploy reports."""

import datetime
import threading
import time
from collections import Counter

from .account import FUNCTIONS, call


class Callers:
    """Two callers who call all the time, and a look at the aliases every few seconds."""

    def __init__(self, run):
        self._run, self._stop, self._responses, self._aliases = run, threading.Event(), Counter(), {}

    def __enter__(self):
        self._threads = [threading.Thread(target=body, daemon=True) for body in (self._call, self._watch)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _call(self):
        url = self._run.url
        while not self._stop.wait(0.5):
            for path, headers in (("hasToken", {"authorization": self._run.account.bearer("anna")}), ("getToken", {})):
                try:
                    self._responses[f"{path} {call(url, 'GET', path, **headers).status}"] += 1
                except Exception as error:
                    self._responses[f"{path} {type(error).__name__}"] += 1

    def _watch(self):
        while True:
            for name, state in aliases(self._run).items():
                states = self._aliases.setdefault(name, [])
                if state not in states:
                    states.append(state)
            if self._stop.wait(5):
                return

    def seen(self):
        return {"callers": dict(self._responses), "aliases": self._aliases}

    def unexpected(self):
        """Responses that no caller should get: with a token 200, without one 401."""
        return {name: count for name, count in self._responses.items() if name not in ("hasToken 200", "getToken 401")}


def aliases(run):
    found = {}
    for name in FUNCTIONS:
        alias = run.client("lambda").get_alias(FunctionName=run.resources[name], Name="live")
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        found[name] = alias["FunctionVersion"] + "".join(f" + {weight:g} of {version}" for version, weight in weights.items())
    return found


def versions(run):
    found = {}
    for name in FUNCTIONS:
        pages = run.client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=run.resources[name])
        found[name] = [one["Version"] for page in pages for one in page["Versions"] if one["Version"] != "$LATEST"]
    return found


def codedeploy(run, since):
    """CodeDeploy's deployments since this time. The emulator has none."""
    if run.account.emulated:
        return []
    client, application = run.client("codedeploy"), run.resources["ServerlessDeploymentApplication"]
    window = {"start": datetime.datetime.fromtimestamp(since - 5, datetime.timezone.utc)}
    found = []
    for group in client.list_deployment_groups(applicationName=application)["deploymentGroups"]:
        ids = client.list_deployments(applicationName=application, deploymentGroupName=group, createTimeRange=window)["deployments"]
        found += client.batch_get_deployments(deploymentIds=ids)["deploymentsInfo"] if ids else []
    return [
        {
            "group": one["deploymentGroupName"],
            "status": one["status"],
            "config": one.get("deploymentConfigName"),
            "error": one.get("errorInformation"),
            "creator": one.get("creator"),
            "rollback": one.get("rollbackInfo"),
            "seconds": round((one["completeTime"] - one["createTime"]).total_seconds()) if "completeTime" in one else None,
        }
        for one in found
    ]


def settle(run):
    """After a failed update: a stack that can be updated again."""
    client, name = run.client("cloudformation"), run.account.stack
    deadline = time.monotonic() + 900
    while (status := run.account.status(name)) and time.monotonic() < deadline:
        if status == "UPDATE_ROLLBACK_FAILED":
            run.seen["continue_update_rollback"] = run.seen.get("continue_update_rollback", 0) + 1
            if run.seen["continue_update_rollback"] > 3:
                return status
            client.continue_update_rollback(StackName=name)
        elif not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(5)
    return status
