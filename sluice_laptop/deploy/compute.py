"""Glue jobs, Lambda functions and the state machine, each with a role of its own, as on AWS."""

import base64
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deploy.packages import GLUE_PACKAGE, LAMBDA_PACKAGE, build, entry_script
from sluice.aws.clients import Clients
from sluice.contract import Contract
from sluice.names import BOOTSTRAP_FUNCTION
from sluice.settings import Settings
from sluice_laptop.deploy.made import unless_exists
from sluice_laptop.deploy.stack import Stack, load_machine_definition

logger = logging.getLogger(__name__)


def by_role(settings: Settings) -> Settings:
    """The settings of a part that comes into the warehouse as the user of its role, and with no secret."""
    return replace(settings, warehouse_secret="")


def make_jobs(
    clients: Clients,
    settings: Settings,
    contracts: Mapping[str, Contract],
    stack: Stack,
    roles: Mapping[str, str],
) -> None:
    """Put the code into the processed bucket, and make or update the jobs."""
    bucket, prefix = settings.processed_bucket, stack.code_prefix
    library = f"{prefix}/{GLUE_PACKAGE.name}.zip"
    _put_if_changed(clients, bucket, library, build(GLUE_PACKAGE, contracts))
    for job in stack.glue.jobs.values():
        name = getattr(settings, job.setting)
        _put_if_changed(clients, bucket, f"{prefix}/{job.script}", entry_script(job.script))
        definition: dict[str, Any] = {
            "Role": roles[name],
            "Command": {
                "Name": "glueetl",
                "PythonVersion": stack.glue.python_version,
                "ScriptLocation": f"s3://{bucket}/{prefix}/{job.script}",
            },
            "GlueVersion": stack.glue.version,
            "WorkerType": stack.glue.worker_type,
            "NumberOfWorkers": job.workers,
            "MaxRetries": stack.glue.max_retries,
            "Timeout": job.timeout_minutes,
            "ExecutionProperty": {"MaxConcurrentRuns": job.max_concurrent_runs},
            "JobRunQueuingEnabled": stack.glue.queuing,
            "DefaultArguments": {
                "--extra-py-files": f"s3://{bucket}/{library}",
                "--settings": by_role(settings).to_json(),
                "--custom-logGroup-prefix": f"/sluice/glue/{name}",
            },
        }
        if not unless_exists(clients.glue.create_job, Name=name, **definition):
            clients.glue.update_job(JobName=name, JobUpdate=definition)  # type: ignore[arg-type]


def make_functions(
    clients: Clients,
    settings: Settings,
    contracts: Mapping[str, Contract],
    stack: Stack,
    roles: Mapping[str, str],
) -> None:
    """Make or update the functions, all from one zip.

    One that is as it must be stays as it is, and so do its processes, which are warm.
    """
    package = build(LAMBDA_PACKAGE, contracts)
    # Source: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html (CodeSha256)
    digest = base64.b64encode(hashlib.sha256(package).digest()).decode()
    for key, function in stack.functions.items():
        name = settings.prefix + key
        configuration: dict[str, Any] = {
            "Runtime": stack.runtime,
            "Handler": function.handler,
            "Role": roles[name],
            "Timeout": function.timeout_seconds,
            "MemorySize": function.memory_mb,
            "Environment": {
                "Variables": {
                    **(settings if key == BOOTSTRAP_FUNCTION else by_role(settings)).to_environment(),
                    "POWERTOOLS_SERVICE_NAME": name,
                    "POWERTOOLS_TRACE_DISABLED": "true",
                }
            },
        }
        if unless_exists(
            clients.lambda_.create_function, FunctionName=name, Code={"ZipFile": package}, **configuration
        ):
            continue
        there: Mapping[str, Any] = clients.lambda_.get_function_configuration(FunctionName=name)
        if there["CodeSha256"] != digest:
            clients.lambda_.update_function_code(FunctionName=name, ZipFile=package)
        if any(there.get(field) != value for field, value in configuration.items()):
            clients.lambda_.update_function_configuration(FunctionName=name, **configuration)


def make_load_machine(clients: Clients, settings: Settings, role: str) -> None:
    """Make or update the state machine of the load."""
    definition = load_machine_definition(settings)
    if unless_exists(
        clients.stepfunctions.create_state_machine,
        name=settings.load_machine,
        definition=definition,
        roleArn=role,
        type="STANDARD",
    ):
        return
    pages = clients.stepfunctions.get_paginator("list_state_machines").paginate()
    machines = {machine["name"]: machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]}
    clients.stepfunctions.update_state_machine(
        stateMachineArn=machines[settings.load_machine], definition=definition, roleArn=role
    )


def _put_if_changed(clients: Clients, bucket: str, key: str, body: bytes) -> None:
    try:
        if clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body:
            return
    except clients.s3.exceptions.NoSuchKey:
        logger.debug("s3://%s/%s is new", bucket, key)
    clients.s3.put_object(Bucket=bucket, Key=key, Body=body)
