"""EventBridge: five targets of a rule, and a rate's unit in the singular for one.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rate-expressions.html
"""

import re

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.refusals.asking import Asked, Service, read_json, refuse_json

MAX_TARGETS = 5
_RATE = re.compile(r"rate\((1 (?:minute|hour|day)|(?!0*1 )0*[1-9]\d* (?:minutes|hours|days))\)")


def _schedule(asked: Asked) -> None:
    expression = str(asked.params.get("ScheduleExpression") or "")
    if expression.startswith("rate") and not _RATE.fullmatch(expression):
        raise AwsApiError("ValidationException", "Parameter ScheduleExpression is not valid.")


def _few_targets(asked: Asked) -> None:
    rule, bus = str(asked.params.get("Rule", "")), str(asked.params.get("EventBusName") or "default")
    given = {str(target.get("Id")) for target in asked.params.get("Targets", ())}
    if len(given | registry.event_targets(rule, bus)) > MAX_TARGETS:
        raise AwsApiError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")


SERVICE = Service("events", read_json, refuse_json, {"PutRule": [_schedule], "PutTargets": [_few_targets]})
