"""What services do for each other, and the roles that they take on for it: notifications, rules, queues, functions.

A delivery that is denied does not arrive, as on AWS; the log of the local cloud and the record say so.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.iam.door import Door
from localcloud.iam.judge import Principal
from localcloud.iam.promises import QUEUE_ACTIONS

logger = logging.getLogger(__name__)

_LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
_TARGET_ACTIONS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish", "sqs": "sqs:SendMessage"}


def install_deliveries(door: Door) -> None:
    """Have the door asked before services deliver, read queues or start functions.

    Args:
        door: Judges.
    """
    registry.replace_delivery_checks(
        lambda arn, service, source, account: _may_deliver(door, "sqs:SendMessage", arn, service, source, account),
        lambda arn, service, source, account: _may_deliver(door, "sns:Publish", arn, service, source, account),
    )
    registry.wrap_rule_targets(lambda inner: _rule_target(door, inner))
    registry.wrap_queue_readers(lambda inner: _queue_reader(door, inner))
    registry.wrap_lambda_logs(lambda inner: _function_logs(door, inner))
    registry.wrap_failed_events(lambda inner: _failed_event(door, inner))
    registry.replace_function_credentials(lambda role, name: _function_credentials(door, role, name))


def _may_deliver(door: Door, action: str, arn: str, service: str, source: str, account: str) -> bool:
    """Whether a service may deliver for a source, such as S3 for a bucket."""
    context = {"aws:sourcearn": source, "aws:sourceaccount": account}
    return _is_allowed(door, Principal(service), action, arn, context)


def _rule_target(door: Door, inner: Callable[..., None]) -> Callable[..., None]:
    """EventBridge and the targets of its rules.

    To functions and queues it sends aws:SourceArn and aws:SourceAccount. To topics it sends neither, nor does it to the
    key of an encrypted topic.
    Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html (section SNS),
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """

    def dispatch(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], *more: Any, **named: Any) -> None:  # noqa: ANN401 - MiniStack's
        arn = str(target.get("Arn", ""))
        service = arn.split(":")[2] if arn.count(":") > 1 else ""
        account, _ = registry.current_scope()
        context = {} if service == "sns" else {"aws:sourcearn": str(rule.get("Arn", "")), "aws:sourceaccount": account}
        action = _TARGET_ACTIONS.get(service)
        if action is None or _is_allowed(door, Principal("events.amazonaws.com"), action, arn, context):
            inner(target, event, rule, *more, **named)

    return dispatch


def _queue_reader(door: Door, inner: Callable[[str, int], list[Any]]) -> Callable[[str, int], list[Any]]:
    """Lambda, which reads a queue as the function's role."""

    def receive(queue_url: str, most: int) -> list[Any]:
        queue = registry.queue_arn(queue_url)
        for role, name in registry.queue_reading_functions(queue):
            principal = door.sessions.holder(role, name)
            if not all(_is_allowed(door, principal, action, queue, {}) for action in QUEUE_ACTIONS):
                return []
        return inner(queue_url, most)

    return receive


def _failed_event(door: Door, inner: Callable[..., None]) -> Callable[..., None]:
    """Lambda, which sends what a function failed at as the function's role.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """

    def route(destination: str, name: str, *more: Any) -> None:  # noqa: ANN401 - MiniStack's
        principal = door.sessions.holder(registry.function_role(name), name)
        service = destination.split(":")[2] if destination.count(":") > 1 else ""
        action = _TARGET_ACTIONS.get(service)
        if action is None or _is_allowed(door, principal, action, destination, {}):
            inner(destination, name, *more)

    return route


def _function_logs(door: Door, inner: Callable[..., None]) -> Callable[..., None]:
    """Lambda, which writes a function's output as the function's role; without the right there is no log.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """

    def keep(function: Mapping[str, Any], *more: Any, **named: Any) -> None:  # noqa: ANN401 - MiniStack's
        config = function.get("config") or function
        name = str(config.get("FunctionName", ""))
        principal = door.sessions.holder(str(config.get("Role", "")), name)
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        account, region = registry.current_scope()
        # One name for all streams: a question that differs in it alone is the same.
        arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:any"
        if all(_is_allowed(door, principal, action, arn, {}) for action in _LOG_ACTIONS):
            inner(function, *more, **named)

    return keep


def _function_credentials(door: Door, role: str, name: str) -> Mapping[str, str]:
    """Lambda takes the role on and gives its keys to the function."""
    try:
        door.require_trust("lambda.amazonaws.com", role)
    except AwsApiError:
        logger.warning("IAM: Lambda cannot take on %s for %s: its trust policy does not say so", role, name)
        raise
    return door.sessions.open(role, name)


def _is_allowed(door: Door, principal: Principal, action: str, arn: str, context: Mapping[str, str]) -> bool:
    try:
        door.require(principal, action, arn, context)
    except AwsApiError as error:
        logger.warning("IAM: not delivered: %s", error.message)
        return False
    return True
