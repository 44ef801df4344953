"""A manifest for columnar files, as COPY reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.redshift.errors import SqlError
from localcloud.redshift.loading.source import Entry, parse_manifest, parse_url

URL = "s3://bucket/load.manifest"
GOOD = {"url": "s3://bucket/a.parquet", "mandatory": True, "meta": {"content_length": 10}}


def manifest(*entries: Any) -> bytes:
    return json.dumps({"entries": list(entries)}).encode()


def test_entries_keep_their_order_and_doubles() -> None:
    other = {"url": "s3://other/deep/b c+%.parquet", "meta": {"content_length": 0, "record_count": 5}}
    assert parse_manifest(manifest(GOOD, other, GOOD), URL) == (
        Entry("bucket", "a.parquet", is_mandatory=True, size_bytes=10),
        Entry("other", "deep/b c+%.parquet", is_mandatory=False, size_bytes=0),
        Entry("bucket", "a.parquet", is_mandatory=True, size_bytes=10),
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "not JSON"),
        (b"\xff{}", "not JSON"),
        (b"[]", "no entries"),
        (b"{}", "no entries"),
        (manifest(), "no entries"),
        (manifest(GOOD, "s3://bucket/x"), "entry 2 - url is missing"),
        (manifest({**GOOD, "url": None}), "entry 1 - url is missing"),
        (manifest({**GOOD, "url": "https://bucket/a"}), "Invalid S3 path"),
        (manifest({**GOOD, "url": "s3://bucket/"}), "Invalid S3 path"),
        (manifest({**GOOD, "mandatory": "true"}), "mandatory is neither true nor false"),
        (manifest({"url": GOOD["url"]}), "content_length is required"),
        (manifest({**GOOD, "meta": {}}), "content_length is required"),
        (manifest({**GOOD, "meta": {"content_length": "10"}}), "content_length is required"),
        (manifest({**GOOD, "meta": {"content_length": True}}), "content_length is required"),
        (manifest({**GOOD, "meta": {"content_length": -1}}), "content_length is required"),
    ],
)
def test_what_breaks_a_rule_is_named(body: bytes, expected: str) -> None:
    with pytest.raises(SqlError, match=expected):
        parse_manifest(body, URL)


@given(st.from_regex(r"[a-z0-9.-]{3,20}", fullmatch=True), st.text(min_size=1))
def test_addresses_split_at_the_first_slash(bucket: str, key: str) -> None:
    assert parse_url(f"s3://{bucket}/{key}") == (bucket, key)
