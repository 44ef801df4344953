"""The plan agrees with the code: settings, catalog, ledger, names, tags, policies."""

import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest

from lambda_trigger.metrics import NAMESPACE, Metric
from sluice.analysis import Reader, Schemas, queries, render
from sluice.aws.items import EXPIRES, ledger_table_definition
from sluice.contract.files import read_contracts
from sluice.drift import Kind
from sluice.drift.planned import planned_changes
from sluice.lake.catalog_tables import processed_table, quarantine_table, raw_table
from sluice.lake.layout import MANIFEST_NAME, Partition, ProcessedLayout
from sluice.settings import Settings
from tests.terraform.plan import Json, Plan
from tests.terraform.workspace import ROOT

ACCOUNT, REGION = "111122223333", "eu-central-1"
TAGS = {"Environment": "dev", "Application": "sluice", "Owner": "data-platform"}
RAW_BUCKET = f"sluice-raw-{ACCOUNT}-{REGION}"
PROCESSED_BUCKET = f"sluice-processed-{ACCOUNT}-{REGION}"
CONTRACTS = read_contracts(ROOT / "contracts")

TIMES = "\N{MULTIPLICATION SIGN}"

# Tags of these are those of what they belong to, or they can have none on creation.
UNTAGGED = {"aws_cloudwatch_event_target"}


def _settings(plan: Plan) -> Settings:
    environment = plan.one('module.function["sweep"].aws_lambda_function.this')["environment"][0]["variables"]
    return Settings.from_environment(environment)


# Settings


def test_functions_and_jobs_get_every_setting(plan: Plan) -> None:
    names = {f"SLUICE_{item.name.upper()}" for item in fields(Settings)}
    for function in plan.of("aws_lambda_function"):
        variables = function.values["environment"][0]["variables"]
        assert {name for name in variables if name.startswith("SLUICE_")} == names, function.address
        found = Settings.from_environment(variables)
        is_bootstrap = function.values["function_name"].endswith("-bootstrap")
        assert found.warehouse_secret.startswith("arn:aws:secretsmanager:") == is_bootstrap, function.address
        assert replace(found, warehouse_secret="") == _settings(plan), function.address
    for job in plan.of("aws_glue_job"):
        text = job.values["default_arguments"]["--settings"]
        assert set(json.loads(text)) == {item.name for item in fields(Settings)}, job.address
        assert Settings.from_json(text) == _settings(plan), job.address


def test_settings_name_what_is_made(plans: dict[str, Plan]) -> None:
    serverless, provisioned = _settings(plans["serverless"]), _settings(plans["provisioned"])
    assert serverless == Settings(raw_bucket=RAW_BUCKET, processed_bucket=PROCESSED_BUCKET, warehouse_cluster="")
    assert (provisioned.warehouse_workgroup, provisioned.warehouse_cluster) == ("", "sluice")
    plan = plans["serverless"]
    made = {
        "raw_bucket": plan.one("module.raw_bucket.aws_s3_bucket.this")["bucket"],
        "processed_bucket": plan.one("module.processed_bucket.aws_s3_bucket.this")["bucket"],
        "ledger_table": plan.one("aws_dynamodb_table.ledger")["name"],
        "raw_database": plan.one('aws_glue_catalog_database.this["raw"]')["name"],
        "processed_database": plan.one('aws_glue_catalog_database.this["processed"]')["name"],
        "convert_job": plan.one('module.job["convert"].aws_glue_job.this')["name"],
        "load_job": plan.one('module.job["load"].aws_glue_job.this')["name"],
        "load_machine": plan.one("aws_sfn_state_machine.load")["name"],
        "manifest_queue": plan.one("module.manifest_queue.aws_sqs_queue.this")["name"],
        "business_topic": plan.one("module.business_topic.aws_sns_topic.this")["name"],
        "support_topic": plan.one("module.support_topic.aws_sns_topic.this")["name"],
    }
    assert made == {name: getattr(serverless, name) for name in made}


# Catalog and ledger


def _planned_table(values: Json) -> Json:
    """A planned table as Glue's ``TableInput``; empty and missing are one."""
    [descriptor] = values["storage_descriptor"]
    [serde] = descriptor["ser_de_info"]
    return {
        "Name": values["name"],
        "Description": values["description"],
        "TableType": values["table_type"],
        "Parameters": values["parameters"],
        "PartitionKeys": _columns(values["partition_keys"]),
        "StorageDescriptor": {
            "Columns": _columns(descriptor["columns"]),
            "Location": descriptor["location"],
            "InputFormat": descriptor["input_format"],
            "OutputFormat": descriptor["output_format"],
            "SerdeInfo": {
                name: value
                for name, value in (
                    ("SerializationLibrary", serde["serialization_library"]),
                    ("Parameters", serde["parameters"]),
                )
                if value
            },
        },
    }


def _columns(planned: list[Json]) -> list[dict[str, str]]:
    named = [{"Name": item["name"], "Type": item["type"], "Comment": item.get("comment")} for item in planned]
    return [{name: value for name, value in column.items() if value} for column in named]


def test_tables_are_those_of_the_code(plan: Plan) -> None:
    layout = ProcessedLayout(PROCESSED_BUCKET)
    wanted: dict[tuple[str, str], Any] = {}
    for contract in CONTRACTS.values():
        wanted["sluice_raw", contract.dataset] = raw_table(contract, RAW_BUCKET)
        wanted["sluice_processed", contract.quarantine_table] = quarantine_table(contract, layout)
        for table in contract.tables:
            wanted["sluice_processed", table.name] = processed_table(contract, table, layout)
    planned = {
        (table.values["database_name"], table.values["name"]): _planned_table(table.values)
        for table in plan.of("aws_glue_catalog_table")
    }
    assert planned == wanted


def test_every_table_has_its_index(serverless: Plan) -> None:
    keys = {
        (table.values["database_name"], table.values["name"]): [key["name"] for key in table.values["partition_keys"]]
        for table in serverless.of("aws_glue_catalog_table")
    }
    indexed = {
        (index.values["database_name"], index.values["table_name"]): index.values["partition_index"][0]["keys"]
        for index in serverless.of("aws_glue_partition_index")
    }
    assert indexed == keys


def test_the_ledger_is_that_of_the_code(serverless: Plan) -> None:
    values = serverless.one("aws_dynamodb_table.ledger")
    [index] = values["global_secondary_index"]

    def key_schema(item: Json) -> list[Json]:
        return [
            {"AttributeName": item["hash_key"], "KeyType": "HASH"},
            {"AttributeName": item["range_key"], "KeyType": "RANGE"},
        ]

    planned = {
        "TableName": values["name"],
        "BillingMode": values["billing_mode"],
        "AttributeDefinitions": [
            {"AttributeName": item["name"], "AttributeType": item["type"]} for item in values["attribute"]
        ],
        "KeySchema": key_schema(values),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index["name"],
                "KeySchema": key_schema(index),
                "Projection": {"ProjectionType": index["projection_type"]},
            }
        ],
    }
    wanted: Any = dict(ledger_table_definition("sluice-ledger"))
    for definition in (planned, wanted):
        definition["AttributeDefinitions"] = sorted(definition["AttributeDefinitions"], key=str)
    assert planned == wanted
    assert values["ttl"] == [{"attribute_name": EXPIRES, "enabled": True}]
    assert values["point_in_time_recovery"][0]["enabled"]
    assert values["deletion_protection_enabled"]


def test_the_event_is_that_of_the_manifest(serverless: Plan) -> None:
    [queue] = serverless.one("aws_s3_bucket_notification.raw[0]")["queue"]
    assert queue["filter_suffix"] == MANIFEST_NAME


# Datasets: everything follows the contracts


def test_a_dataset_needs_only_its_contract(serverless: Plan) -> None:
    crawled = {
        crawler.values["name"]: crawler.values["catalog_target"][0]["tables"]
        for crawler in serverless.of("aws_glue_crawler")
    }
    wanted = {}
    for contract in CONTRACTS.values():
        names = sorted([*(table.name for table in contract.tables), contract.quarantine_table])
        wanted[f"sluice-raw-{contract.dataset}"] = [contract.dataset]
        wanted[f"sluice-processed-{contract.dataset}"] = names
    assert {name: sorted(tables) for name, tables in crawled.items()} == wanted
    alarmed = {
        dimension
        for alarm in serverless.of("aws_cloudwatch_metric_alarm")
        for dimension in [(alarm.values["dimensions"] or {}).get("dataset")]
        if dimension is not None
    }
    assert alarmed == set(CONTRACTS)


def test_analysis_queries_are_saved_in_athena(serverless: Plan) -> None:
    schemas = Schemas.from_settings(Settings())
    saved = {
        query.values["name"]: (query.values["description"], query.values["database"], query.values["query"])
        for query in serverless.of("aws_athena_named_query")
        if ".analysis[" in query.address
    }
    wanted = {
        query.title: (query.question, "sluice_processed", render(query, Reader.ATHENA, CONTRACTS, schemas))
        for query in queries()
    }
    assert {name: (about, place, sql.rstrip()) for name, (about, place, sql) in saved.items()} == wanted


def test_crawlers_own_no_schema(serverless: Plan) -> None:
    for crawler in serverless.of("aws_glue_crawler"):
        assert crawler.values["schema_change_policy"] == [{"delete_behavior": "LOG", "update_behavior": "LOG"}]
        configuration = json.loads(crawler.values["configuration"])
        assert configuration["CrawlerOutput"] == {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}}


def test_metrics_that_are_watched_are_measured(serverless: Plan) -> None:
    measured = {metric.value for metric in Metric}
    watched = set()
    for alarm in serverless.of("aws_cloudwatch_metric_alarm"):
        for metric in _watched(alarm.values):
            if metric["namespace"] == NAMESPACE:
                watched.add(metric["metric_name"])
    assert watched <= measured
    body = serverless.one("aws_cloudwatch_dashboard.this")["dashboard_body"]
    shown = set(re.findall(r'MetricName=\\"(\w+)\\"', body))
    assert shown == measured
    assert f"{{{NAMESPACE},dataset}}" in body


def test_nothing_on_the_dashboard_lies_over_another(serverless: Plan) -> None:
    widgets = json.loads(serverless.one("aws_cloudwatch_dashboard.this")["dashboard_body"])["widgets"]
    taken = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(taken) == len(set(taken))
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    assert {x for x, _ in taken} == set(range(24))


def test_every_alarm_that_support_relies_on_is_there(serverless: Plan) -> None:
    """The metrics that wake support, each with what must be looked at for it."""
    watched: dict[str, set[str]] = {}
    for alarm in serverless.of("aws_cloudwatch_metric_alarm"):
        for metric in _watched(alarm.values):
            watched.setdefault(f"{metric['namespace']}/{metric['metric_name']}", set()).update(
                metric["dimensions"].values()
            )
    functions = {function.values["function_name"] for function in serverless.of("aws_lambda_function")}
    queues = {queue.values["name"] for queue in serverless.of("aws_sqs_queue")}
    # What the rules could not deliver lies in a queue that is read by people alone: it has no other behind it.
    dead_letters = {"sluice-events", *(name for name in queues if name.endswith("-dlq"))}
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:sluice-load"
    assert {name.removesuffix("-dlq") for name in dead_letters} == {name.removesuffix("-dlq") for name in queues}
    assert watched == {
        "AWS/SQS/ApproximateNumberOfMessagesVisible": dead_letters,
        "AWS/Lambda/Errors": functions,
        "AWS/Lambda/Invocations": functions,
        "AWS/States/ExecutionsAborted": {machine},
        "AWS/States/ExecutionsFailed": {machine},
        "AWS/States/ExecutionsTimedOut": {machine},
        "AWS/Events/TriggeredRules": {"sluice-crawler-failed"},
        "Sluice/ProcessingErrors": set(CONTRACTS),
        "Sluice/ExecutionDuration": set(CONTRACTS),
        "Sluice/FreshnessSeconds": set(CONTRACTS),
        "Sluice/NotificationsFailed": set(CONTRACTS),
        "Sluice/RowsPublished": set(CONTRACTS),
        "Sluice/RowsQuarantined": set(CONTRACTS),
    }


def _watched(alarm: Json) -> list[Json]:
    """The metrics of an alarm: its own, or those that it reckons with."""
    return [query["metric"][0] for query in alarm["metric_query"] or () if query["metric"]] or [alarm]


def test_the_costs_of_watching_are_those_of_the_plan(serverless: Plan) -> None:
    count = sum(len(_watched(alarm.values)) for alarm in serverless.of("aws_cloudwatch_metric_alarm"))
    fixed = count - 7 * len(CONTRACTS)
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    text = text.replace(TIMES, "x")
    assert f"(7 x 50 + {fixed}) x 0.10" in text
    assert f"{len(Metric)} x 50 x 0.30" in text


def test_the_sums_of_the_cost_tables_are_right() -> None:
    """Numbers of the monthly table, rounded to dollars, add up to its last line."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.count("|") == 6]
    amounts = [(row[2].strip(), row[4].strip()) for row in rows]
    start = next(index for index, row in enumerate(rows) if row[0].strip() == "convert")
    *parts, total = [tuple(int(re.sub(r"\D", "", cell)) for cell in pair) for pair in amounts[start:]]
    assert tuple(map(sum, zip(*parts, strict=True))) == total


# Protection


def test_everything_is_tagged(plan: Plan) -> None:
    untagged = [
        resource.address
        for resource in plan.resources.values()
        if resource.kind in plan.taggable - UNTAGGED and not TAGS.items() <= (resource.values.get("tags") or {}).items()
    ]
    assert untagged == []


def test_each_function_job_and_crawler_has_a_role_of_its_own(plan: Plan) -> None:
    users = [
        *(f"{item.values['function_name']}" for item in plan.of("aws_lambda_function")),
        *(item.values["name"] for item in plan.of("aws_glue_job")),
        *(item.values["name"] for item in plan.of("aws_glue_crawler")),
        *(item.values["name"] for item in plan.of("aws_sfn_state_machine")),
    ]
    roles = {role.values["name"] for role in plan.of("aws_iam_role")}
    assert set(users) <= roles
    assert len(users) == len(set(users))
    assert len(plan.policies()) == len(roles)


def test_wildcards_are_those_that_have_a_reason(plan: Plan) -> None:
    """The role module refuses a wildcard without a reason; this is the list of those that have one."""
    everything: set[str] = set()
    actions: set[str] = set()
    for statements in plan.policies().values():
        for statement in statements:
            if "*" in statement["Resource"]:
                everything.add(statement["Sid"])
            actions.update(action for action in statement["Action"] if "*" in action)
    assert actions == set()
    assert everything == {"LogDelivery", "Metrics", "Tracing", "WarehouseFollow"}


def test_every_log_group_has_retention_and_key(plan: Plan) -> None:
    """Services write into groups that are there, and make others that never expire and have no key of ours."""
    groups = {group.values["name"]: group.values for group in plan.of("aws_cloudwatch_log_group")}
    assert all(values["retention_in_days"] > 0 and values["kms_key_id"] for values in groups.values())
    arguments = {job.values["name"]: job.values["default_arguments"] for job in plan.of("aws_glue_job")}
    prefixes = {values["--custom-logGroup-prefix"] for values in arguments.values()}
    assert len(prefixes) == len(arguments)
    [warehouse] = [
        *(f"/aws/redshift/{one.values['namespace_name']}" for one in plan.of("aws_redshiftserverless_namespace")),
        *(f"/aws/redshift/cluster/{one.values['cluster_identifier']}" for one in plan.of("aws_redshift_cluster")),
    ]
    wanted = {f"{prefix}/{log}" for prefix in prefixes for log in ("error", "output")}
    wanted |= {f"{warehouse}/{log}" for log in ("connectionlog", "useractivitylog", "userlog")}
    wanted |= {f"/aws/lambda/{function.values['function_name']}" for function in plan.of("aws_lambda_function")}
    assert wanted <= set(groups)


def test_stored_things_are_encrypted_with_our_key(plan: Plan) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000001"
    attributes = {
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_lambda_function": "kms_key_arn",
        "aws_redshift_cluster": "kms_key_id",
        "aws_redshiftserverless_namespace": "kms_key_id",
        "aws_s3_object": "kms_key_id",
        "aws_sns_topic": "kms_master_key_id",
        "aws_sqs_queue": "kms_master_key_id",
    }
    for kind, attribute in attributes.items():
        for resource in plan.of(kind):
            assert resource.values[attribute] == key, resource.address
    encryption = {
        resource.address: resource.values["rule"][0]["apply_server_side_encryption_by_default"][0]["sse_algorithm"]
        for resource in plan.of("aws_s3_bucket_server_side_encryption_configuration")
    }
    kind = "aws_s3_bucket_server_side_encryption_configuration.this"
    # S3 writes access logs only to a bucket with keys of its own.
    assert encryption == {
        f"module.logs_bucket.{kind}": "AES256",
        f"module.processed_bucket.{kind}": "aws:kms",
        f"module.raw_bucket.{kind}": "aws:kms",
    }


@pytest.mark.parametrize("zone", ["logs", "processed", "raw"])
def test_buckets_are_private_versioned_and_reached_by_tls_only(serverless: Plan, zone: str) -> None:
    module = f"module.{zone}_bucket"
    block = serverless.one(f"{module}.aws_s3_bucket_public_access_block.this")
    switches = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    assert [block[switch] for switch in switches] == [True] * 4
    versioning = serverless.one(f"{module}.aws_s3_bucket_versioning.this")
    assert versioning["versioning_configuration"][0]["status"] == "Enabled"
    policy = json.loads(serverless.one(f"{module}.aws_s3_bucket_policy.this")["policy"])
    arn = f"arn:aws:s3:::sluice-{zone}-{ACCOUNT}-{REGION}"
    assert policy["Statement"][0] == {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


@pytest.mark.parametrize("zone", ["processed", "raw"])
def test_nobody_writes_under_another_key(serverless: Plan, zone: str) -> None:
    policy = json.loads(serverless.one(f"module.{zone}_bucket.aws_s3_bucket_policy.this")["policy"])
    name = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000001"
    assert [statement for statement in policy["Statement"] if statement["Sid"] == "OwnKeyOnly"] == [
        {
            "Sid": "OwnKeyOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::sluice-{zone}-{ACCOUNT}-{REGION}/*",
            "Condition": {"Null": {name: "false"}, "StringNotEquals": {name: key}},
        }
    ]


def test_queues_take_messages_from_their_senders_only(serverless: Plan) -> None:
    statements = json.loads(serverless.one("module.manifest_queue.aws_sqs_queue.this")["policy"])["Statement"]
    assert [statement for statement in statements if statement["Effect"] == "Allow"] == [
        {
            "Sid": "ManifestEvents",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:sluice-manifests",
            "Condition": {
                "ArnLike": {"aws:SourceArn": [f"arn:aws:s3:::{RAW_BUCKET}"]},
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
            },
        }
    ]


def test_expirations_spare_what_is_needed(serverless: Plan) -> None:
    """Code and frozen manifests lie under ``_sluice/`` too, and are never too old."""
    rules = serverless.one("module.processed_bucket.aws_s3_bucket_lifecycle_configuration.this")["rule"]
    expiring = {rule["filter"][0]["prefix"] for rule in rules if rule["expiration"]}
    assert expiring == {"_sluice/athena/", "_sluice/loads/", "_sluice/runs/"}
    layout = ProcessedLayout("b")
    assert layout.run_input("c").startswith("s3://b/_sluice/runs/")
    assert layout.load_input("c").startswith("s3://b/_sluice/loads/")
    # What is published is never too old by its age alone: a partition that is never replaced stays.
    hour = Partition.parse("2026-11-20T13")
    assert not layout.partition("t", hour, "r").startswith(tuple(f"s3://b/{prefix}" for prefix in expiring))
    assert not layout.frozen_manifest("d", "b").startswith(tuple(f"s3://b/{prefix}" for prefix in expiring))


def test_the_warehouse_cannot_be_reached_from_the_internet(plans: dict[str, Plan]) -> None:
    [workgroup] = plans["serverless"].of("aws_redshiftserverless_workgroup")
    [cluster] = plans["provisioned"].of("aws_redshift_cluster")
    for values in (workgroup.values, cluster.values):
        assert (values["publicly_accessible"], values["enhanced_vpc_routing"]) == (False, True)
    assert plans["serverless"].of("aws_vpc_security_group_ingress_rule")[0].values.get("cidr_ipv4") is None
    assert plans["serverless"].of("aws_internet_gateway") == []


def test_nothing_secret_is_in_the_plan(plan: Plan) -> None:
    for resource in plan.resources.values():
        for name, value in resource.values.items():
            if re.search(r"password(?!_secret)|secret_string", name):
                assert value in (None, True, False), f"{resource.address}.{name}"


def test_a_plan_s_own_form_of_published_tables_is_compared_before_it_is_applied(serverless: Plan) -> None:
    def change(kind: str) -> Json:
        entries = []
        for resource in serverless.of("aws_glue_catalog_table"):
            after = json.loads(json.dumps(resource.values))
            for column in after["storage_descriptor"][0]["columns"]:
                column["type"] = kind if column["name"] == "updated_at" else column["type"]
            entries.append({"type": resource.kind, "change": {"before": resource.values, "after": after}})
        return {"resource_changes": entries}

    assert planned_changes(change("timestamp")) == []
    found = planned_changes(change("date"))
    assert {(item.column, item.have, item.want, item.kind) for item in found} == {
        ("updated_at", "timestamp", "date", Kind.BREAKING)
    }
    assert "orders" in {item.table for item in found}
