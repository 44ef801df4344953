"""Clients of an S3 and a Data Catalog in which there is nothing: no request leaves the process."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

_REGION = "eu-central-1"
_NO_BUCKET = b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"
_NO_ENTITY = json.dumps({"__type": "EntityNotFoundException", "Message": "Not found"}).encode()
_UNSIGNED = Config(signature_version=UNSIGNED)
_make: Any = boto3.client


class _Body(io.BytesIO):
    """An answer's body as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """Give the body in one piece."""
        yield self.read()


def empty_s3(_: str = "") -> S3Client:
    """Give a client of an S3 without buckets."""
    client: S3Client = _make("s3", region_name=_REGION, config=_UNSIGNED)
    events: Any = client.meta.events
    events.register("before-send.s3", partial(_answer, 404, _NO_BUCKET))
    return client


def empty_glue(_: str = "") -> GlueClient:
    """Give a client of a Data Catalog without databases, which takes new ones and forgets them."""
    client: GlueClient = _make("glue", region_name=_REGION, config=_UNSIGNED)
    events: Any = client.meta.events
    events.register("before-send.glue", partial(_answer, 400, _NO_ENTITY))
    events.register("before-send.glue.CreateDatabase", partial(_answer, 200, b"{}"))
    return client


def _answer(status: int, body: bytes, request: AWSPreparedRequest, **_: object) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders(), _Body(body))
