"""The warehouse of this layer, as the local cloud's own tests make it, and the load job in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import (
    CLIENT_OPTIONS,
    LocalAws,
    bucket,
    folder,
    lake,
    local_aws,
    no_retries,
    redshift,
    s3,
    sql,
)
from tests.runtime_models import runtime_client
from tests.warehouse.loads import Loads

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client

__all__ = ["bucket", "folder", "lake", "local_aws", "redshift", "s3", "sql"]


@pytest.fixture(scope="package")
def glue_redshift(local_aws: LocalAws) -> RedshiftDataAPIServiceClient:
    """A client of the Data API that knows what the botocore of Glue 6.0 knows."""
    options = {**CLIENT_OPTIONS, "endpoint_url": local_aws.endpoint, "config": no_retries()}
    found: RedshiftDataAPIServiceClient = runtime_client("redshift-data", "1.42.84", **options)
    return found


@pytest.fixture
def loads(s3: S3Client, glue_redshift: RedshiftDataAPIServiceClient, bucket: str, sql: Sql) -> Loads:
    """Runs the load job's own code against an empty warehouse, with the client library that Glue has."""
    return Loads(s3, glue_redshift, bucket)
