"""What a request to the endpoint asks for: actions, resources and the condition keys of the service.

The operation's name is mostly the action's; what differs is written here. Source:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

from localcloud import registry
from localcloud.iam.conditions import Context
from localcloud.iam.grants import asked_with

Query = Mapping[str, list[str]]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came, with what it was found to mean.

    Attributes:
        service: The local cloud's name of the service.
        operation: Such as GetObject; empty when nothing says.
        method: Of HTTP.
        path: Of the URL.
        headers: In lower case.
        body: Of the request.
        query: Of the URL.
        account: Where it goes.
        region: Where it goes.
    """

    service: str
    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Query
    account: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        """ARN of a resource of the account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    @property
    def json(self) -> Json:
        """The body as JSON."""
        found = json.loads(self.body or b"{}")
        return found if isinstance(found, dict) else {}

    @property
    def form(self) -> Mapping[str, str]:
        """Parameters of the query protocol, wherever they stand."""
        posted = parse_qs(self.body.decode("utf-8", "replace"))
        return {name: values[0] for name, values in {**posted, **self.query}.items() if values}


@dataclass(frozen=True, slots=True)
class Check:
    """One action on one resource.

    Attributes:
        action: Such as s3:GetObject.
        resource: Its ARN; `*` where the action knows none.
        context: Keys of the service, in lower case.
    """

    action: str
    resource: str
    context: Context = field(default_factory=dict)


def role_arn(role: str, account: str) -> str:
    """ARN of a role that is named by its name, its path and name, or its ARN."""
    return role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"


class UnknownRequestError(Exception):
    """The judge does not know what a request asks for; to let it pass would be a guess."""


def checks(call: Call) -> list[Check]:
    """All that a request asks for; every one must be allowed.

    Raises:
        UnknownRequestError: Nothing here says what it asks for.
    """
    reader = _READERS.get(call.service)
    if reader is None or not call.operation:
        raise UnknownRequestError(f"{call.service} {call.operation or f'{call.method} {call.path}'}")
    return reader(call)


def _s3(call: Call) -> list[Check]:
    bucket, _, key = unquote(call.path).lstrip("/").partition("/")
    at = f"arn:aws:s3:::{bucket}"
    if not key:
        return _s3_bucket(call, at)
    whole = f"{at}/{key}"
    found = [Check(f"s3:{call.operation}", whole)]
    source = call.headers.get("x-amz-copy-source")
    if source is not None and call.method == "PUT":
        found += _s3_copied(call, source, whole)
    return found


def _s3_bucket(call: Call, bucket: str) -> list[Check]:
    if "delete" in call.query and call.method == "POST":
        names = [(_text(each, "Key"), _text(each, "VersionId")) for each in _objects(call.body)]
        return [
            Check("s3:DeleteObjectVersion" if version else "s3:DeleteObject", f"{bucket}/{key}")
            for key, version in names
        ]
    context = {
        f"s3:{name}": call.query[name][0] for name in ("prefix", "delimiter", "max-keys") if call.query.get(name)
    }
    return [Check(f"s3:{call.operation}", bucket, context)]


def _s3_copied(call: Call, source: str, target: str) -> list[Check]:
    """A copy reads its source; with the source's tags, it reads and writes those, too.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    plain, _, version = source.partition("?versionId=")
    read = f"arn:aws:s3:::{unquote(plain).lstrip('/')}"
    found = [Check("s3:GetObjectVersion" if version else "s3:GetObject", read)]
    if "partNumber" in call.query or call.headers.get("x-amz-tagging-directive", "COPY") != "COPY":
        return found
    tags = "s3:GetObjectVersionTagging" if version else "s3:GetObjectTagging"
    return [*found, Check(tags, read), Check("s3:PutObjectTagging", target)]


def _objects(body: bytes) -> list[ElementTree.Element]:
    # From the SDK of a process that the local cloud itself started; expat expands no external entity.
    return [each for each in ElementTree.fromstring(body) if each.tag.rpartition("}")[2] == "Object"]  # noqa: S314


def _text(element: ElementTree.Element, name: str) -> str:
    return next((child.text or "" for child in element if child.tag.rpartition("}")[2] == name), "")


def _dynamodb(call: Call) -> list[Check]:
    asked = call.json
    if call.operation == "TransactWriteItems":
        kinds = {
            "Put": "PutItem",
            "Update": "UpdateItem",
            "Delete": "DeleteItem",
            "ConditionCheck": "ConditionCheckItem",
        }
        return [
            Check(f"dynamodb:{kinds[kind]}", _table(call, part["TableName"]))
            for item in asked["TransactItems"]
            for kind, part in item.items()
        ]
    if call.operation in {"BatchGetItem", "BatchWriteItem"}:
        return [Check(f"dynamodb:{call.operation}", _table(call, name)) for name in asked["RequestItems"]]
    table = _table(call, asked["TableName"]) if "TableName" in asked else "*"
    index = f"/index/{asked['IndexName']}" if asked.get("IndexName") else ""
    return [Check(f"dynamodb:{call.operation}", table + index)]


def _table(call: Call, name: str) -> str:
    return name if name.startswith("arn:") else call.arn("dynamodb", f"table/{name}")


def _sqs(call: Call) -> list[Check]:
    asked = call.json if "x-amz-target" in call.headers else dict(call.form)
    name = str(asked.get("QueueUrl") or asked.get("QueueName") or call.path).rpartition("/")[2]
    # A batch is the right of its single call.
    return [Check(f"sqs:{call.operation.removesuffix('Batch')}", call.arn("sqs", name))]


def _sns(call: Call) -> list[Check]:
    topic = call.form.get("TopicArn") or call.form.get("TargetArn") or "*"
    return [Check(f"sns:{call.operation.removesuffix('Batch')}", topic)]


def _lambda(call: Call) -> list[Check]:
    name = unquote(call.path.partition("/functions/")[2].partition("/")[0])
    if call.operation == "CreateFunction":
        name = str(call.json.get("FunctionName", ""))
    return [
        Check(f"lambda:{call.operation}", name if name.startswith("arn:") else call.arn("lambda", f"function:{name}"))
    ]


def _states(call: Call) -> list[Check]:
    asked = call.json
    return [Check(f"states:{call.operation}", asked.get("stateMachineArn") or asked.get("executionArn") or "*")]


# The catalog decides on a partition by catalog, database and table.
# https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
_OF_DATABASE = {"GetDatabase", "GetTables", "CreateTable"}
_OF_JOB = {"StartJobRun", "GetJob", "GetJobRun", "GetJobRuns", "BatchStopJobRun"}
_OF_CRAWLER = {"GetCrawler", "StartCrawler", "StopCrawler", "GetCrawlerMetrics"}


_OF_NOTHING_OF_ATHENA = {"ListWorkGroups", "ListDataCatalogs", "ListEngineVersions"}
_OF_DATA_CATALOG = {
    "CreateDataCatalog", "DeleteDataCatalog", "GetDataCatalog", "GetDatabase", "GetTableMetadata", "ListDatabases",
    "ListTableMetadata", "UpdateDataCatalog",
}  # fmt: skip
_OF_WORKGROUP = {"CreateWorkGroup"}


def _glue(call: Call) -> list[Check]:
    asked, action = call.json, f"glue:{call.operation}"
    if call.operation in _OF_JOB:
        return [Check(action, call.arn("glue", f"job/{asked.get('JobName') or asked.get('Name')}"))]
    if call.operation in _OF_CRAWLER:
        return [Check(action, call.arn("glue", f"crawler/{asked['Name']}"))]
    database = asked.get("DatabaseName") or (asked.get("Name") if call.operation == "GetDatabase" else None)
    names = ["catalog"] + ([f"database/{database}"] if database else [])
    table = asked.get("TableName") or asked.get("Name") or asked.get("TableInput", {}).get("Name")
    if database and table and call.operation not in _OF_DATABASE:
        names.append(f"table/{database}/{table}")
    return [Check(action, call.arn("glue", name)) for name in names]


def _athena(call: Call) -> list[Check]:
    """An action on the workgroup or catalog that it is about; results are read from S3 as well.

    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonathena.html and
    https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
    """
    asked, action = call.json, f"athena:{call.operation}"
    if call.operation in _OF_NOTHING_OF_ATHENA:
        return [Check(action, "*")]
    if call.operation in _OF_DATA_CATALOG:
        name = asked.get("CatalogName") or asked.get("Name") or "AwsDataCatalog"
        return [Check(action, call.arn("athena", f"datacatalog/{name}"))]
    record = registry.athena_executions().get(str(asked.get("QueryExecutionId")), {})
    own_name = asked.get("Name") if call.operation in _OF_WORKGROUP else None
    workgroup = own_name or asked.get("WorkGroup") or asked.get("WorkGroupName") or record.get("WorkGroup") or "primary"
    found = [Check(action, call.arn("athena", f"workgroup/{workgroup}"))]
    if call.operation == "GetQueryResults" and record:
        output = str(record["ResultConfiguration"]["OutputLocation"]).removeprefix("s3://")
        found.append(Check("s3:GetObject", f"arn:aws:s3:::{output}"))
    return found


def _logs(call: Call) -> list[Check]:
    group = call.json.get("logGroupName", "*")
    stream = call.json.get("logStreamName")
    if call.operation == "PutLogEvents" and stream:
        return [Check("logs:PutLogEvents", call.arn("logs", f"log-group:{group}:log-stream:{stream}"))]
    return [Check(f"logs:{call.operation}", call.arn("logs", f"log-group:{group}:*"))]


def _monitoring(call: Call) -> list[Check]:
    if call.operation != "PutMetricData":
        return [Check(f"cloudwatch:{call.operation}", "*")]
    # CBOR, JSON or a form: the namespace stands in it as it is.
    namespace = call.form.get("Namespace", "")
    return [Check("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": namespace})]


def _secretsmanager(call: Call) -> list[Check]:
    secret = registry.secret_arn(str(call.json.get("SecretId", "*")))
    return [Check(f"secretsmanager:{call.operation}", secret)]


def _kms(call: Call) -> list[Check]:
    asked = call.json
    if call.operation == "RetireGrant" and asked.get("GrantToken"):
        grant = registry.kms_grant_of_token(str(asked["GrantToken"])) or {}
        asked = {"KeyId": grant.get("KeyId", "*")}
    key = str(asked.get("KeyId") or registry.kms_key_of_ciphertext(asked) or "*")
    found = None if key == "*" else registry.kms_key(key)
    arn = str(found["Arn"]) if found else key if key.startswith("arn:") else call.arn("kms", f"key/{key}")
    return [Check(f"kms:{call.operation}", arn, asked_with(asked, call.operation))]


# What comes into the database; the others ask about a statement.
_ENTERING = {
    "BatchExecuteStatement",
    "DescribeTable",
    "ExecuteStatement",
    "ListDatabases",
    "ListSchemas",
    "ListTables",
}


def _redshift_data(call: Call) -> list[Check]:
    return warehouse_checks(call.operation, call.json, call.arn)


def warehouse_checks(operation: str, asked: Mapping[str, Any], arn: Callable[[str, str], str]) -> list[Check]:
    """What a request of the Data API asks for; what comes into the database asks for a way in, too.

    Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html and
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshift.html

    Args:
        operation: Such as ExecuteStatement.
        asked: The request.
        arn: Makes an ARN of a service and a resource.
    """
    action = f"redshift-data:{operation}"
    if operation not in _ENTERING:
        return [Check(action, "*")]
    found = [Check(action, _warehouse(asked, arn))]
    if asked.get("SessionId"):
        return found  # it is in already
    return [*found, *_ways_in(asked, arn)]


def _ways_in(asked: Mapping[str, Any], arn: Callable[[str, str], str]) -> list[Check]:
    if asked.get("SecretArn"):
        return [Check("secretsmanager:GetSecretValue", registry.secret_arn(str(asked["SecretArn"])))]
    if asked.get("WorkgroupName"):
        return [Check("redshift-serverless:GetCredentials", _warehouse(asked, arn))]
    cluster = asked.get("ClusterIdentifier", "")
    database = arn("redshift", f"dbname:{cluster}/{asked.get('Database', '')}")
    if asked.get("DbUser"):
        action = "redshift:GetClusterCredentials"
        return [Check(action, arn("redshift", f"dbuser:{cluster}/{asked['DbUser']}")), Check(action, database)]
    return [Check("redshift:GetClusterCredentialsWithIAM", database)]


def _redshift_serverless(call: Call) -> list[Check]:
    name = str(call.json.get("workgroupName") or "*")
    return [Check(f"redshift-serverless:{call.operation}", call.arn("redshift-serverless", workgroup(name)))]


def _redshift(call: Call) -> list[Check]:
    asked = call.form
    place = f"dbname:{asked.get('ClusterIdentifier', '')}/{asked.get('DbName') or '*'}"
    return [Check(f"redshift:{asked.get('Action', '')}", call.arn("redshift", place))]


def workgroup(name: str) -> str:
    """A workgroup in an ARN: by its id, which follows from the name here; a policy that names the name names nothing.

    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshiftserverless.html
    """
    return f"workgroup/{uuid.uuid5(uuid.NAMESPACE_DNS, name)}"


def _warehouse(asked: Mapping[str, Any], arn: Callable[[str, str], str]) -> str:
    name = str(asked.get("WorkgroupName") or "")
    if name:
        return name if name.startswith("arn:") else arn("redshift-serverless", workgroup(name))
    return arn("redshift", f"cluster:{asked.get('ClusterIdentifier', '')}")


def _sts(call: Call) -> list[Check]:
    if call.operation == "GetCallerIdentity":
        return []  # nobody can be denied it: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    return [Check(f"sts:{call.operation}", call.form.get("RoleArn", "*"))]


def _events(call: Call) -> list[Check]:
    return [Check(f"events:{call.operation}", "*")]


_READERS: Mapping[str, Callable[[Call], list[Check]]] = {
    "athena": _athena,
    "dynamodb": _dynamodb,
    "events": _events,
    "glue": _glue,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "monitoring": _monitoring,
    "redshift": _redshift,
    "redshift-data": _redshift_data,
    "redshift-serverless": _redshift_serverless,
    "s3": _s3,
    "secretsmanager": _secretsmanager,
    "sns": _sns,
    "sqs": _sqs,
    "states": _states,
    "sts": _sts,
}
