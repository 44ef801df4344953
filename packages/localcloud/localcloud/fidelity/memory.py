"""An S3 and a Data Catalog in memory, behind boto3's clients: no request leaves the process."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

_REGION = "eu-central-1"
_MODIFIED = "2026-11-20T00:00:00.000Z"
_CONFIG = Config(
    signature_version=UNSIGNED,
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
_make: Any = boto3.client
Json = dict[str, Any]


class _Body(io.BytesIO):
    """An answer's body as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """Give the body in one piece."""
        yield self.read()


class _RefusedError(Exception):
    """What a service refuses, by the name of its error."""


class MemoryS3:
    """Objects by bucket and key; every bucket exists."""

    def __init__(self) -> None:
        """Nothing is there."""
        self.objects: dict[tuple[str, str], bytes] = {}

    def client(self, _: str = "") -> S3Client:
        """Give a client."""
        client: S3Client = _make("s3", region_name=_REGION, config=_CONFIG)
        events: Any = client.meta.events
        events.register("before-send.s3", self._answer)
        return client

    def _answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        address = urlsplit(str(request.url))
        bucket, __, key = unquote(address.path).lstrip("/").partition("/")
        if request.method == "PUT":
            body: Any = request.body
            self.objects[bucket, key] = body if isinstance(body, bytes) else body.read()
            return _response(request, 200, b"")
        if not key:
            prefix = parse_qs(address.query).get("prefix", [""])[0]
            return _response(request, 200, self._listing(bucket, prefix))
        found = self.objects.get((bucket, key))
        if found is None:
            return _response(request, 404, b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>")
        headers: dict[str, str] = {
            "ETag": _etag(found),
            "Last-Modified": "Fri, 20 Nov 2026 00:00:00 GMT",
            "Content-Length": str(len(found)),
        }
        return _response(request, 200, found, headers)

    def _listing(self, bucket: str, prefix: str) -> bytes:
        found = sorted((key, body) for (owner, key), body in self.objects.items() if owner == bucket)
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{_MODIFIED}</LastModified>"
            f"<ETag>{escape(_etag(body))}</ETag><Size>{len(body)}</Size></Contents>"
            for key, body in found
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode()


class MemoryGlue:
    """Databases, tables and partitions."""

    def __init__(self) -> None:
        """Nothing is there."""
        self._databases: dict[str, Json] = {}
        self._tables: dict[tuple[str, str], Json] = {}
        self._partitions: dict[tuple[str, str, tuple[str, ...]], Json] = {}

    def client(self, _: str = "") -> GlueClient:
        """Give a client."""
        client: GlueClient = _make("glue", region_name=_REGION, config=_CONFIG)
        events: Any = client.meta.events
        events.register("before-send.glue", self._answer)
        return client

    def _answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        target: Any = request.headers["X-Amz-Target"]
        action = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        body: Any = request.body
        actions: dict[str, Callable[[Json], Json]] = {
            "GetDatabase": lambda given: {"Database": self._database(given["Name"])},
            "GetDatabases": lambda _: {"DatabaseList": list(self._databases.values())},
            "CreateDatabase": self._create_database,
            "UpdateDatabase": self._create_database,
            "DeleteDatabase": lambda given: self._databases.pop(given["Name"]) and {},
            "GetTable": lambda given: {"Table": self._table(given["DatabaseName"], given["Name"])},
            "GetTables": self._get_tables,
            "CreateTable": self._put_table,
            "UpdateTable": self._put_table,
            "DeleteTable": lambda given: self._tables.pop((given["DatabaseName"], given["Name"])) and {},
            "GetPartition": lambda given: {"Partition": self._partition(given, given["PartitionValues"])},
            "GetPartitions": lambda given: {"Partitions": list(self._of(given).values())},
            "BatchCreatePartition": self._create_partitions,
            "UpdatePartition": self._update_partition,
            "DeletePartition": lambda given: self._partitions.pop(_at(given, given["PartitionValues"])) and {},
        }
        try:
            answer = actions[action](json.loads(body))
        except _RefusedError as error:
            text = json.dumps({"__type": str(error), "Message": "Not found"})
            return _response(request, 400, text.encode(), {"x-amzn-errortype": str(error)})
        return _response(request, 200, json.dumps(answer).encode())

    def _database(self, name: str) -> Json:
        if name not in self._databases:
            raise _RefusedError("EntityNotFoundException")
        return self._databases[name]

    def _create_database(self, given: Json) -> Json:
        self._databases[given["DatabaseInput"]["Name"]] = given["DatabaseInput"]
        return {}

    def _table(self, database: str, name: str) -> Json:
        if (database, name) not in self._tables:
            raise _RefusedError("EntityNotFoundException")
        return self._tables[database, name]

    def _get_tables(self, given: Json) -> Json:
        self._database(given["DatabaseName"])
        found = [table for (owner, _), table in self._tables.items() if owner == given["DatabaseName"]]
        return {"TableList": found}

    def _put_table(self, given: Json) -> Json:
        self._database(given["DatabaseName"])
        table = given["TableInput"]
        self._tables[given["DatabaseName"], table["Name"]] = table | {"DatabaseName": given["DatabaseName"]}
        return {}

    def _of(self, given: Json) -> dict[tuple[str, str, tuple[str, ...]], Json]:
        own = (given["DatabaseName"], given["TableName"])
        return {at: found for at, found in self._partitions.items() if at[:2] == own}

    def _partition(self, given: Json, values: list[str]) -> Json:
        found = self._partitions.get(_at(given, values))
        if found is None:
            raise _RefusedError("EntityNotFoundException")
        return found

    def _create_partitions(self, given: Json) -> Json:
        for one in given["PartitionInputList"]:
            self._partitions[_at(given, one["Values"])] = one
        return {"Errors": []}

    def _update_partition(self, given: Json) -> Json:
        self._partition(given, given["PartitionValueList"])
        del self._partitions[_at(given, given["PartitionValueList"])]
        self._partitions[_at(given, given["PartitionInput"]["Values"])] = given["PartitionInput"]
        return {}


def _at(given: Json, values: list[str]) -> tuple[str, str, tuple[str, ...]]:
    return given["DatabaseName"], given["TableName"], tuple(values)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _response(
    request: AWSPreparedRequest, status: int, body: bytes, headers: dict[str, str] | None = None
) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers or {}), _Body(body))
