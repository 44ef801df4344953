"""Which operation of which service a request asks for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_OF_OBJECTS = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_OF_BUCKETS = {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request asks for.

    Attributes:
        service: As its signature names it.
        name: As AWS names it; for REST protocols other than S3's the method and the first part of the path.
        is_head: Whether the answer has no body.
    """

    service: str
    name: str
    is_head: bool = False


def operation_of(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Operation | None:
    """Read a request; None when it is not signed.

    Args:
        method: Of HTTP.
        path: Of its URL.
        query: Of its URL.
        headers: Names in small letters.
        body: The whole of it.
    """
    scope = _SCOPE.search(headers.get("authorization", ""))
    if scope is None:
        return None
    return Operation(scope[1], _name(scope[1], method, path, query, headers, body), is_head=method == "HEAD")


def _name(service: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> str:
    if "x-amz-target" in headers:
        return headers["x-amz-target"].rpartition(".")[2]
    asked = parse_qs(query, keep_blank_values=True)
    if service == "s3":
        return _of_s3(method, path, asked, headers)
    if "x-www-form-urlencoded" in headers.get("content-type", ""):
        asked |= parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    if "Action" in asked:
        return asked["Action"][0]
    # A REST path begins with the date of the API's version and the kind of thing: /2015-03-31/functions/…
    return f"{method} {'/'.join(path.split('/')[2:3])}"


def _of_s3(method: str, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> str:
    if not path.strip("/").partition("/")[2]:
        return _of_bucket(method, query)
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
    if "partNumber" in query:
        return "UploadPartCopy" if "x-amz-copy-source" in headers else "UploadPart"
    if "uploadId" in query and method == "DELETE":
        return "AbortMultipartUpload"
    if method == "PUT" and "x-amz-copy-source" in headers:
        return "CopyObject"
    return _OF_OBJECTS.get(method, method)


def _of_bucket(method: str, query: Mapping[str, list[str]]) -> str:
    if method == "GET":
        return "ListObjectVersions" if "versions" in query else "ListObjectsV2" if "list-type" in query else "GetBucket"
    return "DeleteObjects" if method == "POST" and "delete" in query else _OF_BUCKETS.get(method, method)
