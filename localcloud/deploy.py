"""Deploys Sluice into the local cloud: the resources that Terraform declares, made through the same APIs.

Every step finds what is there and brings it to the wanted state, so that deploying again (after a restart, with a new
contract, with changed code) keeps all data.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deploy.packages import GLUE_PACKAGE, LAMBDA_PACKAGE, build, entry_script
from sluice.aws.clients import Clients
from sluice.aws.ledger import ledger_table_definition
from sluice.catalog_tables import processed_table, quarantine_table, raw_table
from sluice.contract import Contract
from sluice.layout import MANIFEST_NAME
from sluice.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef

logger = logging.getLogger(__name__)

CODE_PREFIX = "_sluice/code"
GLUE_VERSION = "6.0"
FUNCTION_TIMEOUT_SECONDS = 60
VISIBILITY_TIMEOUT_SECONDS = 6 * FUNCTION_TIMEOUT_SECONDS
"""Six times the function's timeout.

Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""
MAX_RECEIVES = 5
JOB_TIMEOUT_MINUTES = 60
JOB_CONCURRENCY = 20
SWEEP_SCHEDULE = "rate(5 minutes)"
_EXISTS = {
    "AlreadyExistsException",
    "EntityAlreadyExists",
    "IdempotentParameterMismatchException",
    "ResourceConflictException",
    "ResourceInUseException",
}


@dataclass(frozen=True)
class Function:
    """One Lambda function.

    Attributes:
        name: Name of the function.
        handler: Its handler within the package.
    """

    name: str
    handler: str


ON_MANIFEST = Function("sluice-on-manifest", "lambda_trigger.on_manifest.handler")
ON_JOB_CHANGE = Function("sluice-on-job-change", "lambda_trigger.on_job_change.handler")
SWEEP = Function("sluice-sweep", "lambda_trigger.sweep.handler")


class Deployer:
    """Brings one local cloud to the state that settings and contracts ask for."""

    def __init__(self, clients: Clients, settings: Settings, contracts: Mapping[str, Contract]) -> None:
        self._settings = settings
        self._contracts = contracts
        self._s3 = clients.s3
        self._sqs = clients.sqs
        self._dynamodb = clients.dynamodb
        self._lambda = clients.lambda_
        self._glue = clients.glue
        self._events = clients.events
        self._iam = clients.iam

    def deploy(self) -> None:
        """Make everything, in the order in which things need each other.

        Side Effects:
            Creates or updates every resource; deletes nothing.
        """
        for bucket in (self._settings.raw_bucket, self._settings.processed_bucket):
            self._bucket(bucket)
        self._ledger()
        self._catalog()
        role = self._role()
        self._jobs(role)
        package = build(LAMBDA_PACKAGE, self._contracts)
        for function in (ON_MANIFEST, ON_JOB_CHANGE, SWEEP):
            self._function(function, package, role)
        self._rule("sluice-job-change", ON_JOB_CHANGE, {"EventPattern": json.dumps(self._job_change_pattern())})
        self._rule("sluice-sweep", SWEEP, {"ScheduleExpression": SWEEP_SCHEDULE})
        queue_arn = self._queue()
        self._event_source(queue_arn)
        # Last: from here on a manifest starts the path, and all of the path is there.
        self._notification(queue_arn)

    def _bucket(self, name: str) -> None:
        existing = {bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]}
        if name not in existing:
            self._s3.create_bucket(
                Bucket=name,
                CreateBucketConfiguration={"LocationConstraint": self._s3.meta.region_name},  # type: ignore[typeddict-item]
            )
        self._s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def _ledger(self) -> None:
        if self._settings.ledger_table not in self._dynamodb.list_tables()["TableNames"]:
            self._dynamodb.create_table(**ledger_table_definition(self._settings.ledger_table))

    def _catalog(self) -> None:
        settings = self._settings
        for database in (settings.raw_database, settings.processed_database):
            _unless_exists(self._glue.create_database, DatabaseInput={"Name": database})
        for contract in self._contracts.values():
            self._table(settings.raw_database, raw_table(contract, settings.raw_bucket))
            for table in contract.tables:
                self._table(settings.processed_database, processed_table(contract, table, settings.processed))
            self._table(settings.processed_database, quarantine_table(contract, settings.processed))

    def _table(self, database: str, table: "TableInputTypeDef") -> None:
        if not _unless_exists(self._glue.create_table, DatabaseName=database, TableInput=table):
            self._glue.update_table(DatabaseName=database, TableInput=table)

    def _jobs(self, role: str) -> None:
        bucket = self._settings.processed_bucket
        library = f"{CODE_PREFIX}/{GLUE_PACKAGE.name}.zip"
        self._put_if_changed(bucket, library, build(GLUE_PACKAGE, self._contracts))
        for job, script in (
            (self._settings.convert_job, "raw_to_parquet.py"),
            (self._settings.load_job, "load_redshift.py"),
        ):
            self._put_if_changed(bucket, f"{CODE_PREFIX}/{script}", entry_script(script))
            definition: dict[str, Any] = {
                "Role": role,
                "Command": {
                    "Name": "glueetl",
                    "PythonVersion": "3",
                    "ScriptLocation": f"s3://{bucket}/{CODE_PREFIX}/{script}",
                },
                "GlueVersion": GLUE_VERSION,
                "WorkerType": "G.1X",
                "NumberOfWorkers": 2,
                "MaxRetries": 0,
                "Timeout": JOB_TIMEOUT_MINUTES,
                "ExecutionProperty": {"MaxConcurrentRuns": JOB_CONCURRENCY},
                "JobRunQueuingEnabled": True,
                "DefaultArguments": {
                    "--extra-py-files": f"s3://{bucket}/{library}",
                    "--settings": self._settings.to_json(),
                },
            }
            if not _unless_exists(self._glue.create_job, Name=job, **definition):
                self._glue.update_job(JobName=job, JobUpdate=definition)  # type: ignore[arg-type]

    def _put_if_changed(self, bucket: str, key: str, body: bytes) -> None:
        try:
            if self._s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body:
                return
        except self._s3.exceptions.NoSuchKey:
            logger.debug("s3://%s/%s is new", bucket, key)
        self._s3.put_object(Bucket=bucket, Key=key, Body=body)

    def _role(self) -> str:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": ["lambda.amazonaws.com", "glue.amazonaws.com"]},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        _unless_exists(self._iam.create_role, RoleName="sluice-local", AssumeRolePolicyDocument=json.dumps(trust))
        return self._iam.get_role(RoleName="sluice-local")["Role"]["Arn"]

    def _function(self, function: Function, package: bytes, role: str) -> None:
        configuration: dict[str, Any] = {
            "Runtime": "python3.13",
            "Handler": function.handler,
            "Role": role,
            "Timeout": FUNCTION_TIMEOUT_SECONDS,
            "MemorySize": 512,
            "Environment": {
                "Variables": {
                    **self._settings.to_environment(),
                    "POWERTOOLS_SERVICE_NAME": function.name,
                    "POWERTOOLS_TRACE_DISABLED": "true",
                }
            },
        }
        if _unless_exists(
            self._lambda.create_function, FunctionName=function.name, Code={"ZipFile": package}, **configuration
        ):
            return
        self._lambda.update_function_code(FunctionName=function.name, ZipFile=package)
        self._lambda.update_function_configuration(FunctionName=function.name, **configuration)

    def _job_change_pattern(self) -> dict[str, Any]:
        return {
            "source": ["aws.glue"],
            "detail-type": ["Glue Job State Change"],
            "detail": {"jobName": [self._settings.convert_job, self._settings.load_job]},
        }

    def _rule(self, name: str, function: Function, trigger: dict[str, str]) -> None:
        rule_arn = self._events.put_rule(Name=name, State="ENABLED", **trigger)["RuleArn"]  # type: ignore[arg-type]
        function_arn = self._lambda.get_function(FunctionName=function.name)["Configuration"]["FunctionArn"]
        self._events.put_targets(Rule=name, Targets=[{"Id": function.name, "Arn": function_arn}])
        _unless_exists(
            self._lambda.add_permission,
            FunctionName=function.name,
            StatementId=name,
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=rule_arn,
        )

    def _queue(self) -> str:
        dead_letters = self._make_queue(f"{self._settings.manifest_queue}-dlq", {"MessageRetentionPeriod": "1209600"})
        queue = self._make_queue(
            self._settings.manifest_queue,
            {
                "VisibilityTimeout": str(VISIBILITY_TIMEOUT_SECONDS),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letters, "maxReceiveCount": MAX_RECEIVES}),
                "MessageRetentionPeriod": "345600",
            },
        )
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "s3.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue,
                    "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{self._settings.raw_bucket}"}},
                }
            ],
        }
        url = self._sqs.get_queue_url(QueueName=self._settings.manifest_queue)["QueueUrl"]
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        return queue

    def _make_queue(self, name: str, attributes: dict[str, str]) -> str:
        try:
            url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]
        except self._sqs.exceptions.QueueDoesNotExist:
            url = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
        return self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def _event_source(self, queue_arn: str) -> None:
        found = self._lambda.list_event_source_mappings(FunctionName=ON_MANIFEST.name, EventSourceArn=queue_arn)
        if not found["EventSourceMappings"]:
            self._lambda.create_event_source_mapping(
                FunctionName=ON_MANIFEST.name,
                EventSourceArn=queue_arn,
                BatchSize=10,
                FunctionResponseTypes=["ReportBatchItemFailures"],
            )

    def _notification(self, queue_arn: str) -> None:
        self._s3.put_bucket_notification_configuration(
            Bucket=self._settings.raw_bucket,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "Id": "manifests",
                        "QueueArn": queue_arn,
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": MANIFEST_NAME}]}},
                    }
                ]
            },
        )


def _unless_exists(create: Any, **arguments: Any) -> bool:  # noqa: ANN401 - one client method of many
    """Call a create operation; False when the thing exists already."""
    try:
        create(**arguments)
    except ClientError as exc:
        if exc.response["Error"]["Code"] in _EXISTS:
            return False
        raise
    return True
