"""Lambda: configurations, event sources and payloads beyond its limits.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (time, memory, environment, payloads),
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html,
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html (visibility, batch window),
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (6 MB, 1 MB when asynchronous)
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.refusals.asking import Asked, Service, constraint, refuse_rest_json

MAX_SECONDS = 900
MEMORY_MB = (128, 10_240)
MAX_ENVIRONMENT_BYTES = 4 * 1024
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
MAX_ASYNCHRONOUS_BYTES = 1024 * 1024
BATCH_WITHOUT_WINDOW = 10
MAX_BATCH = 10_000
DEFAULT_SECONDS = 3
DEFAULT_BATCH = 10
RUNTIMES = (
    *("nodejs20.x", "nodejs22.x", "nodejs24.x"),
    *("python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"),
    *("java8.al2", "java11", "java17", "java21", "java25"),
    *("dotnet8", "dotnet10", "ruby3.2", "ruby3.3", "ruby3.4", "provided.al2", "provided.al2023"),
)

_FUNCTIONS = re.compile(r"/2015-03-31/functions(?:/(?P<name>[^/]+)/(?P<part>configuration|invocations))?/?")
_MAPPINGS = re.compile(r"/2015-03-31/event-source-mappings(?:/(?P<id>[^/]+))?/?")


def _read(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> Asked | None:
    del query
    action, found = "", {}
    if match := _FUNCTIONS.fullmatch(path):
        actions = {
            ("POST", None): "CreateFunction",
            ("PUT", "configuration"): "UpdateFunctionConfiguration",
            ("POST", "invocations"): "Invoke",
        }
        action, found = actions.get((method, match["part"]), ""), {"FunctionName": match["name"]}
    elif match := _MAPPINGS.fullmatch(path):
        kind = {("POST", True): "CreateEventSourceMapping", ("PUT", False): "UpdateEventSourceMapping"}
        action, found = kind.get((method, match["id"] is None), ""), {"UUID": match["id"]}
    if not action:
        return None
    return Asked(action, found | (_params(body) if action != "Invoke" else {}), headers, body)


def _params(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _timeout(asked: Asked) -> None:
    seconds = asked.params.get("Timeout")
    if seconds is not None and not 1 <= seconds <= MAX_SECONDS:
        rule = "greater than or equal to 1" if seconds < 1 else f"less than or equal to {MAX_SECONDS}"
        raise constraint(seconds, "timeout", f"Member must have value {rule}")


def _memory(asked: Asked) -> None:
    least, most = MEMORY_MB
    memory = asked.params.get("MemorySize")
    if memory is not None and not least <= memory <= most:
        raise AwsApiError(
            "InvalidParameterValueException", f"'MemorySize' value failed to satisfy constraint: {least} to {most} MB"
        )


def _runtime(asked: Asked) -> None:
    runtime = asked.params.get("Runtime")
    if runtime is None or runtime in RUNTIMES:
        return
    raise AwsApiError(
        "InvalidParameterValueException",
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
        f"[{', '.join(RUNTIMES)}] or be a valid ARN",
    )


def _environment(asked: Asked) -> None:
    variables = (asked.params.get("Environment") or {}).get("Variables") or {}
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > MAX_ENVIRONMENT_BYTES:
        raise AwsApiError(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {measured}",
        )


def _payload(asked: Asked) -> None:
    is_event = asked.headers.get("x-amz-invocation-type", "") == "Event"
    most = MAX_ASYNCHRONOUS_BYTES if is_event else MAX_PAYLOAD_BYTES
    if len(asked.body) > most:
        text = f"{len(asked.body)} byte payload is too large for the {'Event' if is_event else 'RequestResponse'}"
        raise AwsApiError("RequestTooLargeException", f"{text} invocation type (limit {most} bytes)", 413)


def _batch(asked: Asked) -> None:
    mapping = registry.event_source_mapping(str(asked.params.get("UUID"))) | dict(asked.params)
    size = mapping.get("BatchSize") or DEFAULT_BATCH
    if ":sqs:" not in str(mapping.get("EventSourceArn", "")):
        return
    if size > MAX_BATCH:
        raise constraint(size, "batchSize", f"Member must have value less than or equal to {MAX_BATCH}")
    if size > BATCH_WITHOUT_WINDOW and not mapping.get("MaximumBatchingWindowInSeconds"):
        raise AwsApiError(
            "InvalidParameterValueException",
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
            f"{BATCH_WITHOUT_WINDOW}",
        )


def _visibility(asked: Asked) -> None:
    visible = registry.queue_attribute(str(asked.params.get("EventSourceArn", "")), "VisibilityTimeout")
    name = str(asked.params.get("FunctionName", "")).rpartition(":function:")[2].partition(":")[0]
    seconds = registry.function_configuration(name).get("Timeout", DEFAULT_SECONDS)
    if visible is not None and int(visible) < int(seconds):
        raise AwsApiError(
            "InvalidParameterValueException",
            f"Queue visibility timeout: {visible} seconds is less than Function timeout: {seconds} seconds",
        )


_CONFIGURATION = (_timeout, _memory, _runtime, _environment)
SERVICE = Service(
    "lambda",
    _read,
    refuse_rest_json,
    {
        "CreateFunction": _CONFIGURATION,
        "UpdateFunctionConfiguration": _CONFIGURATION,
        "Invoke": (_payload,),
        "CreateEventSourceMapping": (_batch, _visibility),
        "UpdateEventSourceMapping": (_batch,),
    },
)
