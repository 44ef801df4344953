"""CloudWatch's alarms in the query protocol, whole: MiniStack leaves most of them out of its answers there."""

import json
from collections.abc import Mapping
from typing import Any

from localcloud import query, registry
from localcloud.registry import Handler, Response

SERVICE = "cloudwatch"
TARGET = "GraniteServiceVersion20100801"
OURS = ("DescribeAlarms", "PutMetricAlarm")

# An alarm has a metric or an expression. Source:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
OF_ONE_METRIC = ("Dimensions", "ExtendedStatistic", "MetricName", "Namespace", "Period", "Statistic", "Unit")
FORGOTTEN = ("EvaluateLowSampleCountPercentile", "Metrics", "ThresholdMetricId")


class AlarmHandler:
    """Answers the alarms' actions of the query protocol, and hands on everything else.

    An alarm on an expression is kept as it is; nothing evaluates it.
    """

    def __init__(self, inner: Handler) -> None:
        """Wrap a handler.

        Args:
            inner: MiniStack's, which does all that is done in its JSON protocol.
        """
        self._inner = inner

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, parameters: dict[str, list[str]]
    ) -> Response:
        """Answer a request as MiniStack's dispatcher expects it."""
        is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        form = query.form_of(body) if is_form else {}
        action = form.get("Action", "")
        if action not in OURS:
            return await self._inner(method, path, headers, body, parameters)
        model = query.operation(SERVICE, action)
        request = query.decode(form, model)
        named = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"{TARGET}.{action}"}
        status, _, answer = await self._inner("POST", "/", named, json.dumps(request).encode(), {})
        if status != 200:
            # Once more as it came: the refusal is to be in the caller's protocol, and a refused call changes nothing.
            return await self._inner(method, path, headers, body, parameters)
        if action == "PutMetricAlarm":
            _keep_forgotten(request)
        result = json.loads(answer) if answer else {}
        if action == "DescribeAlarms":
            result["MetricAlarms"] = [shown(alarm) for alarm in result["MetricAlarms"]]
        return 200, {"Content-Type": "text/xml"}, query.encode(result, model, registry.new_request_id())


def shown(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """An alarm without what AWS does not show of its kind."""
    hidden = OF_ONE_METRIC if alarm.get("Metrics") else ()
    return {name: value for name, value in alarm.items() if name not in hidden and value is not None}


def _keep_forgotten(request: Mapping[str, Any]) -> None:
    alarm = registry.cloudwatch_alarms()[request["AlarmName"]]
    alarm.update({name: request[name] for name in FORGOTTEN if name in request})
