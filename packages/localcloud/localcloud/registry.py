"""MiniStack's registries: the one place that touches its internals by name.

Each function here has a test that fails when a newer MiniStack changes what it relies on.
"""

import base64
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import botocore.session

from localcloud.errors import AwsApiError, LocalCloudError, StateError

CANONICAL_PORT = "4566"
# Services of ours that speak the query protocol, which MiniStack cannot know.
ADDED_QUERY_SERVICES = frozenset({"redshift"})

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
Task = Callable[[str, Any], Any]


def _ministack(name: str) -> ModuleType:
    """One of MiniStack's modules; imported late, because the environment has to be set first."""
    return import_module(f"ministack.{name}")


def application() -> Application:
    """MiniStack's ASGI application."""
    found: Application = _ministack("app").app
    return found


def get_handler(service: str) -> Handler:
    """The handler that answers a service's requests now."""
    handler: Handler = _ministack("app").SERVICE_HANDLERS[service]
    return handler


def set_handler(service: str, handler: Handler) -> None:
    """Answer a service's requests from now on.

    Args:
        service: MiniStack's name of it, which is the service's name in a signature.
        handler: takes over, and may call the former one.
    """
    _ministack("app").SERVICE_HANDLERS[service] = handler


def add_service(service: str, handler: Handler) -> None:
    """Answer requests to a service that MiniStack does not know.

    Args:
        service: its name in a signature.
        handler: answers them.
    """
    _ministack("core.router").SERVICE_PATTERNS[service] = {"credential_scope": service}
    set_handler(service, handler)


async def on_own_thread(function: Callable[..., Response], *arguments: object) -> Response:
    """Run a blocking function that may call back into the endpoint, in the present request's context."""
    response: Response = await _ministack("core.concurrency").run_reentrant(function, *arguments)
    return response


def request_scope(account_id: str, region: str) -> AbstractContextManager[None]:
    """Act in an account and region, outside a request."""
    context: AbstractContextManager[None] = _ministack("core.responses").request_scope(account_id, region)
    return context


def current_scope() -> tuple[str, str]:
    """Account and region of the present request."""
    responses = _ministack("core.responses")
    return responses.get_account_id(), responses.get_region()


def put_service_event(source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()) -> None:
    """Put an event of an AWS service on the default bus (callers of PutEvents may not use a source `aws.*`).

    Args:
        source: such as aws.glue.
        detail_type: such as Glue Job State Change.
        detail: the event's own fields.
        resources: ARNs that the event is about.
    """
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": list(resources)}
    _ministack("services.eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)


def glue_jobs() -> dict[str, dict[str, Any]]:
    """The live job definitions of the present account and region, to add what MiniStack leaves out."""
    jobs: dict[str, dict[str, Any]] = _ministack("services.glue")._jobs
    return jobs


def glue_crawlers() -> dict[str, dict[str, Any]]:
    """The live crawlers of the present account and region by name, to change what MiniStack has no action for."""
    crawlers: dict[str, dict[str, Any]] = _ministack("services.glue")._crawlers
    return crawlers


def all_crawlers() -> list[tuple[tuple[str, str, str], dict[str, Any]]]:
    """Every crawler, by account, region and name."""
    found: list[tuple[tuple[str, str, str], dict[str, Any]]] = _ministack("services.glue")._crawlers.all_items()
    return found


def is_cron(expression: str) -> bool:
    """Whether a text is a cron expression of AWS."""
    return _ministack("services.eventbridge")._parse_cron_fields(expression) is not None


def next_cron_time(expression: str, after: datetime) -> datetime | None:
    """The first time of a cron expression of AWS after a time, in UTC; None when there is none within four years."""
    events = _ministack("services.eventbridge")
    fields = events._parse_cron_fields(expression)
    found: datetime | None = None if fields is None else events._cron_next_fire(fields, after)
    return found


def glue_partition_indexes(database: str, table: str) -> list[dict[str, Any]]:
    """The live indexes of a table of the present account and region; to be changed in place."""
    key = f"{database}/{table}"
    glue = _ministack("services.glue")
    if key not in glue._partition_indexes:
        glue._partition_indexes[key] = []
    indexes: list[dict[str, Any]] = glue._partition_indexes[key]
    return indexes


def cloudwatch_alarms() -> dict[str, dict[str, Any]]:
    """The live alarms of the present account and region by name, to add what MiniStack leaves out."""
    alarms: dict[str, dict[str, Any]] = _ministack("services.cloudwatch")._alarms
    return alarms


def new_request_id() -> str:
    """What an answer names itself."""
    request_id: str = _ministack("core.responses").new_uuid()
    return request_id


def athena_executions() -> dict[str, dict[str, Any]]:
    """The live records of Athena's queries of the present account and region; a name with a `_` first is not shown."""
    executions: dict[str, dict[str, Any]] = _ministack("services.athena")._executions
    return executions


def all_athena_executions() -> list[dict[str, Any]]:
    """The live record of every query of Athena."""
    return [record for _, record in _ministack("services.athena")._executions.all_items()]


def athena_table(sql: str) -> dict[str, Any] | None:
    """The TableInput of a CREATE TABLE of Athena with columns; None when MiniStack does not read the statement."""
    athena = _ministack("services.athena")
    found = athena._parse_ddl(sql)
    if not hasattr(found, "partition_keys"):
        return None
    table: dict[str, Any] = athena._create_table_input(found)
    return table


def replace_body_lookup(make: Callable[[Any], Any]) -> None:
    """Change how the filter policies of SNS look into message bodies.

    Args:
        make: gives, for MiniStack's function from a body to its lookup, another one.
    """
    topics = _ministack("services.sns")
    vars(topics).update(_body_lookup=make(topics._body_lookup))


def keep_queues_across_ports() -> None:
    """Give queues a name inside MiniStack that holds on another port.

    MiniStack knows a queue by its URL, port included; a state saved on one port would have unreachable queues on
    another. Clients see the host and port that they called, whatever this says.
    """
    sqs = _ministack("services.sqs")
    vars(sqs).update(DEFAULT_PORT=CANONICAL_PORT, _CANONICAL_NETLOC=f"{sqs.DEFAULT_HOST}:{CANONICAL_PORT}")


def know_services_by_name() -> None:
    """Take the services that are answered here, and those that boto3 has a folder for, for services of AWS at once.

    MiniStack reads the models of all services of boto3 for that, at the first request to a service that it has no route
    for, such as the Data API of Redshift: three seconds of a core in which it answers nobody. It still does for a name
    that is in neither list.

    Raises:
        AttributeError: MiniStack has another way to know them.
    """
    router, handlers = _ministack("core.router"), _ministack("app").SERVICE_HANDLERS
    by_models: Callable[[str], bool] = router._is_aws_service_name
    folders = frozenset(botocore.session.get_session().get_available_services())
    vars(router).update(_is_aws_service_name=lambda name: name in handlers or name in folders or by_models(name))


def read_queues_at_once(most: int) -> None:
    """Let a queue whose reader names no MaximumConcurrency be read by so many environments of a function at once.

    AWS begins with five. Each of them is a process here, whose start is a second of a core.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html

    Raises:
        AttributeError: MiniStack has another way to limit them.
    """
    functions = _ministack("services.lambda_svc")
    if not hasattr(functions, "_ESM_SQS_DEFAULT_CONCURRENCY"):
        raise AttributeError("_ESM_SQS_DEFAULT_CONCURRENCY")
    vars(functions).update(_ESM_SQS_DEFAULT_CONCURRENCY=most)


def show_messages_again() -> None:
    """Make messages that were being worked on when the state was saved visible, as soon as it is read again.

    Whoever worked on them is gone; on AWS he would still be at work. The delivery that came to nothing does not count.
    Messages that are older than their queue keeps them go: MiniStack looks for those only when somebody asks the queue,
    and a queue that a weekly crawl empties is not asked.
    """
    sqs = _ministack("services.sqs")
    load = sqs.load_persisted_state

    def load_and_show(data: object) -> object:
        answer = load(data)
        now = time.time()
        for queue in sqs._queues._data.values():
            sqs._expire_retained(queue)
            for message in queue["messages"]:
                if message.get("receive_count", 0) > 0 and message.get("visible_at", 0) > now:
                    message.update(visible_at=now, receive_count=message["receive_count"] - 1)
        return answer

    vars(sqs).update(load_persisted_state=load_and_show)


def end_lambda_workers() -> None:
    """End the processes that MiniStack keeps warm for Lambda functions."""
    _ministack("core.lambda_runtime").reset()


def state_readers() -> dict[str, Callable[[], Any]]:
    """For each service in use, by the name of its file, a function that copies its state (None: nothing to save)."""
    readers: dict[str, Callable[[], Any]] = _ministack("app")._build_persistence_save_dict()
    return readers


def save_state(name: str, state: object) -> bool:
    """Write a service's state where MiniStack reads it at its start, atomically.

    Returns:
        Whether it is on disk. MiniStack itself only logs a full disk, or a folder that may not be written.
    """
    persistence = _ministack("core.persistence")
    path = Path(persistence.STATE_DIR) / f"{name}.json"
    before = _file_of(path)
    persistence.save_state(name, state)
    return _file_of(path) != before


def _file_of(path: Path) -> tuple[int, int] | None:
    """Which file is there, and when it was written; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def call_service(service: str, target: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a JSON-protocol service from a thread that is not the endpoint's, in the present account and region.

    Args:
        service: as for `get_handler`.
        target: value of X-Amz-Target, such as AWSGlue.StartJobRun.
        request: the request's JSON.

    Raises:
        AwsApiError: the service refused.
    """
    call = _ministack("app").call_service_handler_sync
    headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
    status, _, body = call(get_handler(service), "POST", "/", headers, json.dumps(request).encode(), {})
    answer: dict[str, Any] = json.loads(body) if body else {}
    if status != 200:
        message = answer.get("message", answer.get("Message", ""))
        raise AwsApiError(str(answer.get("__type", "InternalFailure")).rpartition("#")[2], str(message), status)
    return answer


def wrap_lambda_logs(wrap: Callable[[Any], Any]) -> None:
    """Change what becomes of a function's output.

    Args:
        wrap: gives, for MiniStack's function of a function's record, a request id, its output and more, another one.
    """
    functions = _ministack("services.lambda_svc")
    vars(functions).update(_emit_lambda_logs=wrap(functions._emit_lambda_logs))


def wrap_lambda_errors(wrap: Callable[[Any], Any]) -> None:
    """Change what an invocation answers when the function fails.

    Its message, from then on, begins with the class of the exception and a colon, when there was an exception.

    Args:
        wrap: gives, for MiniStack's function that invokes a function, another one.

    Raises:
        LocalCloudError: MiniStack's program around a function is not as it was.
    """
    runtime, functions = _ministack("core.lambda_runtime"), _ministack("services.lambda_svc")
    program, told = runtime._PYTHON_WORKER_SCRIPT, '"error": str(e), "trace":'
    if program.count(told) != 1:
        raise LocalCloudError("MiniStack tells of a function's exceptions in another way than this version knows")
    with_class = '"error": type(e).__name__ + ":" + str(e), "trace":'
    vars(runtime).update(_PYTHON_WORKER_SCRIPT=program.replace(told, with_class))
    vars(functions).update(_execute_function_warm=wrap(functions._execute_function_warm))


def function_start(name: str) -> Callable[[], None] | None:
    """What starts a function's process, of the present account and region; None when it does not exist or has no code.

    The call does nothing where a process runs. An invocation that comes meanwhile waits for it.
    """
    runtime, functions = _ministack("core.lambda_runtime"), _ministack("services.lambda_svc")
    record, config = functions._get_func_record_for_qualifier(name, None)
    if not record or not config or not record.get("code_zip"):
        return None
    function, version = config["FunctionName"], config.get("Version", "$LATEST")

    def start() -> None:
        # The worker is not leased meanwhile: an invocation takes this one and waits for its lock, not a second one.
        worker = runtime.get_or_create_worker(function, config, record["code_zip"], qualifier=version)
        with worker._lock:
            if worker._proc is not None and worker._proc.poll() is None:
                return
            try:
                worker._spawn()
            except (OSError, RuntimeError):
                worker.kill()  # so that the first event starts it again, and tells what is wrong
                raise
            worker._cold = False

    return start


def put_metric_data(namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
    """Put metrics into CloudWatch, in the present account and region."""
    request = {"Namespace": namespace, "MetricData": list(data)}
    _ministack("services.cloudwatch")._put_metric_data({}, request, False, is_json=True)


def _states() -> ModuleType:
    return _ministack("services.stepfunctions")


def get_execution(arn: str) -> dict[str, Any] | None:
    """The live record of an execution of the present account and region."""
    record: dict[str, Any] | None = _states()._executions.get(arn)
    return record


def all_executions() -> list[tuple[str, str, dict[str, Any]]]:
    """Account, region and live record of every execution."""
    return [(account, region, record) for (account, region, _), record in _states()._executions.all_items()]


def get_state_machine(arn: str) -> dict[str, Any] | None:
    """The live record of a state machine of the present account and region."""
    record: dict[str, Any] | None = _states()._state_machines.get(arn)
    return record


def add_history(record: dict[str, Any], kind: str, **details: Mapping[str, object]) -> None:
    """Append an event to an execution's history.

    Args:
        record: of the execution.
        kind: the event's type, such as ExecutionRedriven.
        **details: the event's own fields, such as executionRedrivenEventDetails.
    """
    _states()._add_event(record, kind, details)


def run_state(
    state: Mapping[str, Any], data: object, record: dict[str, Any], context: dict[str, Any]
) -> tuple[Any, str | None]:
    """Run one state of a state machine.

    Args:
        state: its definition.
        data: its input.
        record: of the execution.
        context: MiniStack's context: the context object, the variables and the query language.

    Returns:
        Its output, and the name of the next state; None at the end.

    Raises:
        Exception: what `state_failure` makes.
    """
    states, kind = _states(), state.get("Type")
    if kind == "Fail":
        raise states._ExecutionError(*states._fail_state_error(state, data, context))
    # A Succeed state transforms its input as a Pass state does.
    functions = {"Pass": states._execute_pass, "Succeed": states._execute_pass}
    functions |= {"Choice": states._execute_choice, "Wait": states._execute_wait}
    with_record = {"Task": states._execute_task, "Parallel": states._execute_parallel, "Map": states._execute_map}
    if kind in with_record:
        output, following = with_record[kind](state, data, record, context)
    elif kind in functions:
        output, following = functions[kind](state, data, context)
    else:
        raise states._ExecutionError("States.Runtime", f"Unknown state type: {kind}")
    return output, following


def state_failure(error: str, cause: str) -> Exception:
    """What a state raises to fail; Retry and Catch see it."""
    failure: Exception = _states()._ExecutionError(error, cause)
    return failure


@contextmanager
def state_failures() -> Iterator[None]:
    """Raise a state's failure as a `StateError`."""
    failures: type[Exception] = _states()._ExecutionError
    try:
        yield
    except failures as failure:
        raise StateError(vars(failure)["error"], vars(failure)["cause"]) from failure


def replace_in_stepfunctions(name: str, make: Callable[[Any], Any]) -> None:
    """Put a function of ours where MiniStack's engine of state machines looks for its own.

    Args:
        name: of MiniStack's function.
        make: gives, for MiniStack's function, another one.

    Raises:
        AttributeError: MiniStack has no such function.
    """
    states = _states()
    vars(states)[name] = make(getattr(states, name))


def set_task(resource: str, task: Task) -> None:
    """Do a task of state machines, from now on.

    Args:
        resource: the start of the task's Resource, without .sync.
        task: gives the task's result for the whole Resource and the task's arguments.
    """
    _states()._SERVICE_DISPATCH[resource] = task


def add_sdk_service(name: str, service: str, target: str, error_prefix: str) -> None:
    """Let state machines call a service through `aws-sdk:<name>:<action>`.

    Args:
        name: as in the task's Resource.
        service: as for `get_handler`.
        target: first part of X-Amz-Target.
        error_prefix: first part of its errors' names.
    """
    _states()._AWS_SDK_SERVICE_MAP[name] = {"target_prefix": target, "protocol": "json", "service_key": service}
    _states()._AWS_SDK_ERROR_PREFIX[name] = error_prefix


def wrap_event_deliveries(of_s3: Callable[[Any], Any], of_rules: Callable[[Any], Any]) -> None:
    """Change how events are delivered.

    Args:
        of_s3: gives, for MiniStack's function that puts an event of S3 into a queue, another one.
        of_rules: gives, for MiniStack's function that hands an event to a target of a rule, another one.
    """
    objects, rules = _ministack("services.s3"), _ministack("services.eventbridge")
    vars(objects).update(_deliver_event_to_sqs=of_s3(objects._deliver_event_to_sqs))
    vars(rules).update(_invoke_target=of_rules(rules._invoke_target))


def kms_key(reference: str) -> dict[str, Any] | None:
    """The live record of a key of the present account and region, by id, ARN or alias; None when there is none."""
    record: dict[str, Any] | None = _ministack("services.kms")._resolve_key(reference)
    return record


def kms_grants(arn: str) -> list[dict[str, Any]]:
    """The live records of a key's grants."""
    parts = arn.split(":")
    found = _ministack("services.kms")._grants
    return [
        grant
        for (account, region, _), grant in list(found._data.items())
        if (account, region) == (parts[4], parts[3]) and grant["KeyId"] == arn
    ]


def kms_grant_of_token(token: str) -> dict[str, Any] | None:
    """The live record of the grant that a token is of; None when there is none."""
    found = _ministack("services.kms")._grants._data.values()
    return next((grant for grant in list(found) if token in grant["_tokens"]), None)


def kms_key_of_ciphertext(asked: Mapping[str, Any]) -> str:
    """Id of the key that a text of a request was encrypted with, which is in front of it; empty when none is."""
    try:
        text = base64.b64decode(str(asked.get("CiphertextBlob") or ""))[:36].decode("ascii")
    except ValueError:
        return ""
    return text if kms_key(text) is not None else ""


def bucket_key(bucket: str) -> str:
    """The key of KMS that a bucket encrypts new objects with; empty when it names none."""
    headers: dict[str, str] = _ministack("services.s3")._bucket_default_sse_headers(bucket)
    return headers.get("x-amz-server-side-encryption-aws-kms-key-id", "")


def event_targets(rule: str, bus: str) -> set[str]:
    """The ids of a rule's targets, in the present account and region."""
    events = _ministack("services.eventbridge")
    return {str(target.get("Id")) for target in events._targets.get(events._rule_key(rule, bus), [])}


def event_source_mapping(mapping_id: str) -> dict[str, Any]:
    """An event source mapping of the present account and region; empty when there is none."""
    return dict(_ministack("services.lambda_svc")._esms.get(mapping_id) or {})


def function_configuration(name: str) -> dict[str, Any]:
    """The configuration of a function of the present account and region; empty when there is none."""
    return dict((_ministack("services.lambda_svc")._functions.get(name) or {}).get("config") or {})


def queue_attribute(arn: str, name: str) -> str | None:
    """An attribute of a queue; None when there is no such queue or attribute."""
    queue = _ministack("services.sqs")._queue_by_arn(arn)
    return None if queue is None else queue["attributes"].get(name)


def service_may_send(service: str, target: str, source: str, account: str) -> bool:
    """Whether the policy of a queue or a topic lets a service of AWS send to it.

    Args:
        service: such as s3.amazonaws.com.
        target: ARN of the queue or the topic.
        source: ARN of what sends, for the policy's conditions.
        account: of what sends.
    """
    is_queue = ":sqs:" in target
    if is_queue:
        found = _ministack("services.sqs")._queue_by_arn(target)
    else:
        found = _ministack("services.sns")._topic_by_arn_any_scope(target)
    policy = ((found or {}).get("attributes") or {}).get("Policy")
    if not policy:
        return False
    evaluator = _ministack("core.iam_evaluator")
    about = {"aws:sourcearn": source, "aws:sourceaccount": account}
    context = evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="sqs:SendMessage" if is_queue else "sns:Publish",
        resource_arn=target,
        region=current_scope()[1],
        secure_transport=True,  # services of AWS talk to each other by TLS
        service_context=about,
    )
    return bool(evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow")


def services() -> list[str]:
    """Names of all services that have a handler."""
    return list(_ministack("app").SERVICE_HANDLERS)


def access_key(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> str:
    """The access key that signed a request; empty when none did."""
    found: str = _ministack("core.router").extract_access_key_id(headers, query)
    return found


def operation(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> str:
    """What a request does, as IAM names it, without the service; empty when MiniStack cannot tell.

    Args:
        service: as for `get_handler`.
        method: of HTTP.
        path: of the URL.
        headers: in lower case.
        body: of the request.
        query: of the URL.
    """
    target = headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2]
    if service in ADDED_QUERY_SERVICES:
        return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    found: str | None = _ministack("core.iam_actions").extract_iam_action(service, method, path, headers, body, query)
    return (found or "").partition(":")[2]


def access_denied(service: str, action: str, principal_arn: str, message: str, headers: Mapping[str, str]) -> Response:
    """The answer AccessDenied in the form of a service's protocol."""
    make = _ministack("core.iam_actions").access_denied_response
    response: Response = make(
        "iam" if service in ADDED_QUERY_SERVICES else service,
        action,
        principal_arn,
        new_request_id(),
        message=message,
        headers=headers,
    )
    return response


def register_session(access_key_id: str, arn: str, user_id: str, secret: str, token: str) -> None:
    """Let an access key be that of a role's session."""
    session = {"Arn": arn, "UserId": user_id, "SecretAccessKey": secret, "SessionToken": token}
    _ministack("services.sts").register_session(access_key_id, session)


def replace_function_credentials(make: Callable[[str, str], Mapping[str, str]]) -> None:
    """Give functions their access keys.

    Args:
        make: gives the environment, for the ARN of the function's role and the function's name.
    """
    functions = _ministack("core.lambda_runtime")

    def credentials(config: Mapping[str, Any]) -> Mapping[str, str]:
        return make(config.get("Role", ""), config.get("FunctionName", ""))

    for module in (functions, _ministack("services.lambda_svc")):
        if "execution_credentials" in vars(module):
            vars(module).update(execution_credentials=credentials)


def iam_role(arn: str) -> dict[str, Any] | None:
    """The live record of a role; None when there is none."""
    account, name = arn.split(":")[4], arn.rpartition("/")[2]
    role: dict[str, Any] | None = _ministack("services.iam")._roles.get_scoped(account, None, name)
    return role


def role_policies(role: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Name and document of each policy of a role, those within it and those attached to it."""
    evaluator, account = _ministack("core.iam_evaluator"), str(role["Arn"]).split(":")[4]
    attached = [
        (arn, evaluator._resolve_managed_policy_document(arn, account)) for arn in role.get("AttachedPolicies", [])
    ]
    return [*(role.get("InlinePolicies") or {}).items(), *((name, found) for name, found in attached if found)]


def role_boundary(role: Mapping[str, Any]) -> Any | None:  # noqa: ANN401 - a document as it was given
    """The document of a role's permissions boundary; None when it has none."""
    arn = role.get("PermissionsBoundary")
    if not arn:
        return None
    return _ministack("core.iam_evaluator")._resolve_managed_policy_document(arn, str(role["Arn"]).split(":")[4])


def resource_policy(service: str, arn: str) -> Any | None:  # noqa: ANN401 - a document as it was given
    """The policy of a bucket, queue, topic, key, function or secret; None when it has none."""
    try:
        found = _ministack("core.iam_evaluator")._resource_policy(service, arn)
    except ValueError:  # what does not exist has no ARN that MiniStack can read
        return None
    return found[0] or None if found else None


def key_of(arn: str) -> str | None:
    """Key of KMS that a bucket, queue, topic or secret is encrypted with; None: none of ours."""
    service = arn.split(":")[2]
    name = arn.rpartition(":")[2]
    if service == "s3":
        text = _ministack("services.s3")._bucket_encryption.get(name.partition("/")[0]) or ""
        match = re.search(r"<KMSMasterKeyID>([^<]+)</KMSMasterKeyID>", text if isinstance(text, str) else text.decode())
        return match[1] if match else None
    if service == "sqs":
        queue = _ministack("services.sqs")._queue_by_arn(arn)
        return (queue or {}).get("attributes", {}).get("KmsMasterKeyId") or None
    if service == "sns":
        topic = _ministack("services.sns")._topic_by_arn_any_scope(arn)
        return (topic or {}).get("attributes", {}).get("KmsMasterKeyId") or None
    if service == "secretsmanager":
        secret = _ministack("services.secretsmanager")._resolve(arn)[1]
        return (secret or {}).get("KmsKeyId") or None
    return None


def replace_delivery_checks(
    queue: Callable[[str, str, str, str], bool], topic: Callable[[str, str, str, str], bool]
) -> None:
    """Decide whether S3 and SNS may deliver to queues, and S3 to topics.

    Args:
        queue: says so, for the queue's ARN, the service's principal, the source's ARN and account.
        topic: the same of a topic.

    Raises:
        AttributeError: MiniStack asks in another way.
    """
    queues, topics = _ministack("services.sqs"), _ministack("services.sns")
    for module, name, check in ((queues, "queue_policy_allows", queue), (topics, "topic_policy_allows", topic)):
        getattr(module, name)
        vars(module)[name] = check


def wrap_rule_targets(wrap: Callable[[Any], Any]) -> None:
    """Change what becomes of an event that a rule matches.

    Args:
        wrap: gives, for MiniStack's function of target, event, rule and more, another one.
    """
    events = _ministack("services.eventbridge")
    vars(events).update(_invoke_target=wrap(events._invoke_target))


def wrap_queue_readers(wrap: Callable[[Any], Any]) -> None:
    """Change how Lambda reads queues.

    Args:
        wrap: gives, for MiniStack's function of a queue's URL and a number of messages, another one.
    """
    queues = _ministack("services.sqs")
    vars(queues).update(_receive_messages_for_esm=wrap(queues._receive_messages_for_esm))


def queue_arn(url: str) -> str:
    """ARN of a queue, by MiniStack's own URL of it."""
    arn: str = _ministack("services.sqs")._queues[url]["attributes"]["QueueArn"]
    return arn


def queue_reading_functions(arn: str) -> list[tuple[str, str]]:
    """Role and name of each function that reads a queue, in the present account and region."""
    functions = _ministack("services.lambda_svc")
    names = [esm["FunctionName"] for _, _, esm in functions._iter_all_esms() if esm.get("EventSourceArn") == arn]
    found = [functions._get_func_record_for_qualifier(name, None)[1] for name in names]
    return [(config["Role"], config["FunctionName"]) for config in found if config]


def wrap_failed_events(wrap: Callable[[Any], Any]) -> None:
    """Change what becomes of an event that a function has failed at for good.

    Args:
        wrap: gives, for MiniStack's function of the destination's ARN, the function's name and more, another one.
    """
    functions = _ministack("services.lambda_svc")
    vars(functions).update(_route_async_failure=wrap(functions._route_async_failure))


def function_role(name: str) -> str:
    """ARN of a function's role; empty when there is no such function."""
    config = _ministack("services.lambda_svc")._get_func_record_for_qualifier(name, None)[1]
    return str((config or {}).get("Role", ""))


def secret_arn(identifier: str) -> str:
    """ARN of a secret, by its name or ARN; the identifier itself when there is no such secret."""
    found = _ministack("services.secretsmanager")._resolve(identifier)[1]
    return str((found or {}).get("ARN") or identifier)


def present_in_stepfunctions(name: str) -> Any:  # noqa: ANN401 - a function of a library without types
    """What MiniStack's engine of state machines has under a name now."""
    return vars(_states())[name]


@contextmanager
def replaced_in_stepfunctions(replacements: Mapping[str, Any]) -> Iterator[None]:
    """Put things where MiniStack's engine of state machines looks for its own, for as long as the block lasts.

    Args:
        replacements: by the names that MiniStack has for them.
    """
    states = vars(_states())
    before = {name: states[name] for name in replacements}
    states.update(replacements)
    try:
        yield
    finally:
        states.update(before)


def catch(
    state: Mapping[str, Any], data: object, context: dict[str, Any], error: str, cause: str
) -> tuple[Any, str] | None:
    """What a state's Catch makes of an error.

    Args:
        state: its definition, in JSONata.
        data: its input.
        context: MiniStack's context: the context object, the variables and the query language.
        error: name of the error.
        cause: what happened.

    Returns:
        The output, and the name of the next state; None when nothing catches it.
    """
    states = _states()
    catcher = states._find_matching_catcher(state.get("Catch", []), error)
    if catcher is None:
        return None
    output = states._apply_catcher(catcher, data, context, "JSONata", {"Error": error, "Cause": cause})
    return output, str(catcher["Next"])


def evaluate(expression: str, data: object, context: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as JSONata has it
    """The value of an expression of JSONata as a state has it, without its ``{% %}``.

    Args:
        expression: the expression.
        data: ``$states.input``.
        context: MiniStack's context.

    Raises:
        Exception: what `state_failure` makes.
    """
    return _states()._evaluate_jsonata(expression, data, dict(context))


@cache
def _parsed(expression: str, **_: object) -> Any:  # noqa: ANN401 - of a library without types
    # Without the limit of time that MiniStack asks for: the library counts it from the parsing on.
    return import_module("jsonata").Jsonata.jsonata(expression)


def parsing_once() -> Any:  # noqa: ANN401 - of a library without types
    """The library of JSONata, as MiniStack uses it, with expressions that are parsed once and kept."""
    return SimpleNamespace(Jsonata=SimpleNamespace(jsonata=_parsed), utils=import_module("jsonata").utils)
