"""What is made sure of when something is made: that its service can take on its role and use its key.

Whoever hands a role to a service needs `iam:PassRole` on it, and the service looks at once whether the role's trust
policy lets it in; a Glue job is an exception, its runs fail instead. Sources:
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html.
The words are those that people report: terraform-provider-aws issues 30371 (crawlers) and 29282 (log groups),
lumigo-CLI issue 83 (state machines), aws-cdk issues 26432 (their logs) and 6770 (queues), serverless issue 4384
(functions).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.iam.judge import Principal
from localcloud.iam.requests import Call, Check, Json, role_arn
from localcloud.refusals.asking import refuse_json, refuse_rest_json, refuse_rest_xml
from localcloud.refusals.objects import destinations
from localcloud.registry import Response

# https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
_LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)
# What Lambda does with a queue, as the function's role.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
QUEUE_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_REFUSE: Mapping[str, Callable[[AwsApiError], Response]] = {"lambda": refuse_rest_json, "s3": refuse_rest_xml}


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that must be allowed for a thing to work.

    Attributes:
        principal: Who will ask.
        check: What it will ask.
        refusal: What the service answers when it is denied.
    """

    principal: Principal
    check: Check
    refusal: AwsApiError


@dataclass(frozen=True, slots=True)
class _Passing:
    """An operation that hands roles to a service.

    Attributes:
        roles: Gives them, from the request.
        service: Principal that takes them on.
        refusal: Code and words of the service where a role does not trust it; None: it looks later.
    """

    roles: Callable[[Json], list[object]]
    service: str
    refusal: tuple[str, str] | None


def _field(name: str) -> Callable[[Json], list[object]]:
    return lambda asked: [asked.get(name)]


_STATES_UNTRUSTED = (
    "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the "
    "provided role."
)
_FUNCTION = _Passing(
    _field("Role"),
    "lambda.amazonaws.com",
    ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."),
)
_MACHINE = _Passing(
    _field("roleArn"),
    "states.amazonaws.com",
    ("AccessDeniedException", _STATES_UNTRUSTED),
)
_CRAWLER = _Passing(
    _field("Role"),
    "glue.amazonaws.com",
    (
        "InvalidInputException",
        "Service is unable to assume provided role. Please verify role's TrustPolicy",
    ),
)
_PASSING: Mapping[tuple[str, str], _Passing] = {
    ("lambda", "CreateFunction"): _FUNCTION,
    ("lambda", "UpdateFunctionConfiguration"): _FUNCTION,
    ("states", "CreateStateMachine"): _MACHINE,
    ("states", "UpdateStateMachine"): _MACHINE,
    ("glue", "CreateCrawler"): _CRAWLER,
    ("glue", "UpdateCrawler"): _CRAWLER,
    ("glue", "CreateJob"): _Passing(_field("Role"), "glue.amazonaws.com", None),
    ("glue", "UpdateJob"): _Passing(
        lambda asked: [(asked.get("JobUpdate") or {}).get("Role")], "glue.amazonaws.com", None
    ),
    ("events", "PutTargets"): _Passing(
        lambda asked: [target.get("RoleArn") for target in asked.get("Targets", [])], "events.amazonaws.com", None
    ),
}


def passed_roles(call: Call) -> list[Check]:
    """What the caller needs beside the action itself: `iam:PassRole` on every role that it hands to a service."""
    passing = _PASSING.get((call.service, call.operation))
    if passing is None:
        return []
    context = {"iam:passedtoservice": passing.service}
    return [Check("iam:PassRole", role, context) for role in _roles(call, passing)]


def promises(call: Call) -> Iterator[Promise]:
    """What must be allowed for that which a request makes, whoever makes it."""
    passing = _PASSING.get((call.service, call.operation))
    if passing is not None:
        yield from _trusts(call, passing)
        if passing is _MACHINE:
            yield from _log_deliveries(call)
    elif call.service == "logs" and call.operation in {"CreateLogGroup", "AssociateKmsKey"}:
        yield from _log_key(call)
    elif (call.service, call.operation) == ("lambda", "CreateEventSourceMapping"):
        yield from _queue(call)
    elif call.service == "s3" and call.method == "PUT" and "notification" in call.query:
        yield from _notification_keys(call)


def refuse(call: Call, error: AwsApiError) -> Response:
    """The answer to a request whose thing would not work."""
    return _REFUSE.get(call.service, refuse_json)(error)


def _roles(call: Call, passing: _Passing) -> list[str]:
    return [role_arn(str(role), call.account) for role in passing.roles(call.json) if role]


def _trusts(call: Call, passing: _Passing) -> Iterator[Promise]:
    if passing.refusal is not None:
        for role in _roles(call, passing):
            check = Check("sts:AssumeRole", role, {"aws:sourceaccount": call.account})
            yield Promise(Principal(passing.service), check, AwsApiError(*passing.refusal))


def _log_deliveries(call: Call) -> Iterator[Promise]:
    """Step Functions makes its log delivery as the machine's role."""
    logging = call.json.get("loggingConfiguration") or {}
    if logging.get("level", "OFF") != "OFF" and logging.get("destinations"):
        words = "The state machine IAM Role is not authorized to access the Log Destination"
        role = Principal.session(role_arn(str(call.json.get("roleArn")), call.account), "logging")
        yield from (Promise(role, Check(a, "*"), AwsApiError("AccessDeniedException", words)) for a in _LOG_DELIVERY)


def _queue(call: Call) -> Iterator[Promise]:
    """Lambda reads queues as the function's role."""
    queue, name = str(call.json.get("EventSourceArn", "")), str(call.json.get("FunctionName", ""))
    role = registry.function_role(name.partition(":function:")[2] or name)
    if ":sqs:" in queue and role:
        for action in QUEUE_ACTIONS:
            words = f"The provided execution role does not have permissions to call {action.partition(':')[2]} on SQS"
            refusal = AwsApiError("InvalidParameterValueException", words)
            yield Promise(Principal.session(role, name), Check(action, queue), refusal)


def _log_key(call: Call) -> Iterator[Promise]:
    """CloudWatch Logs uses the key of a group by itself.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    group = call.json.get("resourceIdentifier") or call.arn("logs", f"log-group:{call.json.get('logGroupName')}")
    key = registry.kms_key(str(call.json.get("kmsKeyId") or ""))
    if key is not None:
        words = f"The specified KMS key does not exist or is not allowed to be used with Arn '{group}'"
        refusal = AwsApiError("AccessDeniedException", words)
        context = {"kms:encryptioncontext:aws:logs:arn": str(group)}
        for action in ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"):
            yield Promise(
                Principal(f"logs.{call.region}.amazonaws.com"), Check(action, str(key["Arn"]), context), refusal
            )


def _notification_keys(call: Call) -> Iterator[Promise]:
    """S3 uses the key of an encrypted queue or topic by itself.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """
    refusal = AwsApiError("InvalidArgument", "Unable to validate the following destination configurations")
    for target in destinations(call.body):
        key = registry.kms_key(registry.key_of(target) or "")
        if key is not None:
            bucket = call.path.lstrip("/").partition("/")[0]
            context = {"aws:sourceaccount": call.account, "aws:sourcearn": f"arn:aws:s3:::{bucket}"}
            for action in ("kms:GenerateDataKey", "kms:Decrypt"):
                yield Promise(Principal("s3.amazonaws.com"), Check(action, str(key["Arn"]), context), refusal)
