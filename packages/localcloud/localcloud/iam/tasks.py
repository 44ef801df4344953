"""What a state machine's role is asked for when a task is done.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html,
https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html,
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.iam.door import Door
from localcloud.iam.judge import Principal
from localcloud.iam.requests import Check, warehouse_checks

# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
PERMISSIONS = "States.Permissions"
_SDK = "arn:aws:states:::aws-sdk:"
# `.sync` looks at the run, and stops it when its execution is stopped.
_OF_RUNS = ("glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun")


def require_task(door: Door, record: Mapping[str, Any], resource: str, arguments: Any) -> Principal:  # noqa: ANN401 - as the state has it
    """Ask for what a task does; gives who does it.

    Args:
        door: Judges.
        record: Of the execution.
        resource: Of the task.
        arguments: Of the task.

    Raises:
        Exception: What `registry.state_failure` makes: the role may not do it.
    """
    role = str(record.get("roleArn", ""))
    account, _ = registry.current_scope()
    try:
        source = {"aws:sourceaccount": account, "aws:sourcearn": str(record["stateMachineArn"])}
        door.require_trust("states.amazonaws.com", role, source)
        principal = door.sessions.holder(role, str(record["executionArn"]).rpartition(":")[2])
        for check in (
            *_key_checks(str(record["stateMachineArn"])),
            *task_checks(resource, arguments if isinstance(arguments, Mapping) else {}),
        ):
            door.require(principal, check.action, check.resource, check.context)
    except AwsApiError as error:
        raise registry.state_failure(PERMISSIONS, error.message) from error
    return principal


def _key_checks(machine: str) -> Iterator[Check]:
    """The key of a machine is used as the machine's role for everything that an execution hands on.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
    """
    encryption = (registry.get_state_machine(machine) or {}).get("encryptionConfiguration") or {}
    key = registry.kms_key(str(encryption.get("kmsKeyId") or ""))
    if key is not None:
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            yield Check(action, str(key["Arn"]), {"kms:encryptioncontext:aws:states:statemachinearn": machine})


def task_checks(resource: str, arguments: Mapping[str, Any]) -> Iterator[Check]:
    """Actions and resources of a task; nothing for what is not a task of a service."""
    if resource.startswith("arn:aws:states:::glue:startJobRun"):
        job = _arn("glue", f"job/{arguments.get('JobName')}")
        yield Check("glue:StartJobRun", job)
        if resource.endswith(".sync"):
            yield from (Check(action, job) for action in _OF_RUNS)
    elif resource.startswith("arn:aws:states:::lambda:invoke"):
        yield Check("lambda:InvokeFunction", _function(str(arguments.get("FunctionName"))))
    elif ":lambda:" in resource:
        yield Check("lambda:InvokeFunction", resource)
    elif resource.startswith(_SDK):
        yield from _sdk_checks(resource.removeprefix(_SDK), arguments)


def _sdk_checks(call: str, arguments: Mapping[str, Any]) -> Iterator[Check]:
    service, _, operation = call.partition(":")
    action = f"{service}:{operation[:1].upper()}{operation[1:]}"
    if service == "redshiftdata":
        yield from warehouse_checks(action.partition(":")[2], arguments, _arn)
    else:
        yield Check(action, "*")


def _function(name: str) -> str:
    return name if name.startswith("arn:") else _arn("lambda", f"function:{name}")


def _arn(service: str, resource: str) -> str:
    account, region = registry.current_scope()
    return f"arn:aws:{service}:{region}:{account}:{resource}"
