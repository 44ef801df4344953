"""A local cloud that Terraform deploys to: ``examples/local`` and nothing else."""

import json
import shlex
import time
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from sluice.aws.ledger import Ledger
from sluice.settings import Settings
from tests.e2e.stack import Stack
from tests.terraform.workspace import Workspace

# Most of an apply is the provider's waiting for queues and lifecycle rules to be everywhere, so much goes at once.
NAME = "lake"
"""Another one than the default of all settings: who looks for that one finds nothing."""

PARALLELISM = "-parallelism=40"
QUIET = ("-input=false", "-no-color")


class AppliedStack(Stack):
    """What ``terraform apply`` makes of ``examples/local``."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        """Take a place for the local cloud, and the configuration.

        Args:
            folder: For the local cloud's state.
            workspace: Terraform, initialised.
        """
        super().__init__(folder, workspace.folder / "contracts")
        self._workspace = workspace
        self._configuration = workspace.folder / "terraform" / "examples" / "local"

    def deploy(self) -> None:
        """Apply the configuration, and learn from its outputs what it made."""
        self._workspace.init(self._configuration)
        self._write_variables()
        self._run("apply", "-auto-approve", PARALLELISM)
        lines = self._run("output", "-raw", "environment").splitlines()
        words = [shlex.split(line) for line in lines]
        variables = dict(word.split("=", 1) for export, word in words if export == "export")
        self.settings = Settings.from_environment(variables)
        self.ledger = Ledger(self.clients.dynamodb, self.settings.ledger_table)

    def crawl(self, name: str, patience_seconds: float) -> dict[str, Any]:
        """Start a crawler and wait for its end; gives what Glue says of the crawl."""
        glue, deadline = self.clients.glue, time.monotonic() + patience_seconds
        glue.start_crawler(Name=name)
        while (crawler := glue.get_crawler(Name=name)["Crawler"])["State"] != "READY":
            assert time.monotonic() < deadline, crawler
            time.sleep(0.5)
        return dict(crawler["LastCrawl"])

    def check_unchanged(self) -> None:
        """Plan again.

        Raises:
            TerraformError: Something is not as the configuration has it; the message is the plan.
        """
        self._run("plan", "-detailed-exitcode", PARALLELISM)

    def protect(self, *, on: bool) -> None:
        """Switch the protection against a destroy on or off.

        Args:
            on: Which.
        """
        self._write_variables(deletion_protection=on)
        self._run("apply", "-auto-approve", PARALLELISM)

    def objects(self) -> dict[str, list[str]]:
        """Keys of all objects that the buckets of data hold."""
        pages = self.clients.s3.get_paginator("list_objects_v2")
        return {
            bucket: [item["Key"] for page in pages.paginate(Bucket=bucket) for item in page.get("Contents", [])]
            for bucket in (self.settings.raw_bucket, self.settings.processed_bucket)
        }

    def destroy(self) -> None:
        """Take everything down."""
        self._run("destroy", "-auto-approve", PARALLELISM)

    def left_behind(self) -> dict[str, list[str]]:
        """What is there in the local cloud, by kind; kinds of which nothing is there are left out."""
        clients = self.clients
        make = clients.session.client
        cloudwatch = make("cloudwatch", endpoint_url=self.cloud.endpoint_url)
        logs = make("logs", endpoint_url=self.cloud.endpoint_url)
        kms = make("kms", endpoint_url=self.cloud.endpoint_url)
        found = {
            "alarms": [item["AlarmName"] for item in cloudwatch.describe_alarms()["MetricAlarms"]],
            "aliases": [item["AliasName"] for item in kms.list_aliases()["Aliases"]],
            "buckets": [item["Name"] for item in clients.s3.list_buckets()["Buckets"]],
            "crawlers": [item["Name"] for item in clients.glue.get_crawlers()["Crawlers"]],
            "dashboards": [item["DashboardName"] for item in cloudwatch.list_dashboards()["DashboardEntries"]],
            "databases": [item["Name"] for item in clients.glue.get_databases()["DatabaseList"]],
            "functions": [item["FunctionName"] for item in clients.lambda_.list_functions()["Functions"]],
            "jobs": [item["Name"] for item in clients.glue.get_jobs()["Jobs"]],
            "keys": [
                item["KeyId"]
                for item in kms.list_keys()["Keys"]
                if kms.describe_key(KeyId=item["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion"
            ],
            "log groups": [item["logGroupName"] for item in logs.describe_log_groups()["logGroups"]],
            "machines": [item["name"] for item in clients.stepfunctions.list_state_machines()["stateMachines"]],
            "mappings": [item["UUID"] for item in clients.lambda_.list_event_source_mappings()["EventSourceMappings"]],
            "queries": [item["name"] for item in logs.describe_query_definitions()["queryDefinitions"]],
            "queues": clients.sqs.list_queues().get("QueueUrls", []),
            "roles": [item["RoleName"] for item in clients.iam.list_roles()["Roles"]],
            "rules": [item["Name"] for item in clients.events.list_rules()["Rules"]],
            "secrets": [item["Name"] for item in clients.secretsmanager.list_secrets()["SecretList"]],
            "tables": clients.dynamodb.list_tables()["TableNames"],
            "topics": [item["TopicArn"] for item in clients.sns.list_topics()["Topics"]],
            "workgroups": [item["Name"] for item in clients.athena.list_work_groups()["WorkGroups"]],
        }
        return {kind: names for kind, names in found.items() if names}

    def _run(self, command: str, *arguments: str) -> str:
        quiet = () if command == "output" else QUIET
        return self._workspace.run(command, *quiet, *arguments, configuration=self._configuration)

    def _write_variables(self, *, deletion_protection: bool = False) -> None:
        assert self.cloud.warehouse_dsn is not None
        login = conninfo_to_dict(self.cloud.warehouse_dsn)
        credentials = {
            "username": login["user"],
            "password": login["password"],
            "engine": "redshift",
            "host": login["host"],
            "port": int(str(login["port"])),
            "dbname": login["dbname"],
        }
        variables = {
            "name": NAME,
            "endpoint": self.cloud.endpoint_url,
            "warehouse_credentials": json.dumps(credentials),
            "deletion_protection": deletion_protection,
        }
        (self._configuration / "terraform.tfvars.json").write_text(json.dumps(variables), encoding="utf-8")
