"""Manifests in COPY's format: what is read, what is refused, what is written."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import ManifestError
from sluice.lake.manifest import Manifest, ManifestEntry, load_manifest

FOLDER = "orders/year=2026/month=11/day=20/hour=13"
URL = f"s3://raw/{FOLDER}/manifest.json"


def _parse(document: object) -> Manifest:
    return Manifest.parse(json.dumps(document).encode(), URL)


def _inside(*urls: str) -> None:
    Manifest(tuple(map(ManifestEntry, urls))).check_inside("raw", FOLDER, URL)


def test_a_manifest_as_copy_writes_it() -> None:
    manifest = _parse(
        {
            "entries": [
                {"url": "s3://raw/a", "mandatory": True, "meta": {"content_length": 7}},
                {"url": "s3://raw/b", "mandatory": False, "meta": {}},
            ]
        }
    )
    assert manifest == Manifest((ManifestEntry("s3://raw/a", 7), ManifestEntry("s3://raw/b", None, mandatory=False)))


def test_mandatory_left_out_means_true() -> None:
    assert _parse({"entries": [{"url": "s3://raw/a"}]}).entries[0].mandatory is True


def test_a_byte_order_mark_and_fields_of_others_do_no_harm() -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"entries": [{"url": "s3://raw/a", "etag": "x"}], "version": 3}).encode()
    assert Manifest.parse(body, URL) == Manifest((ManifestEntry("s3://raw/a"),))


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "not valid JSON in UTF-8"),
        (b'{"entries": [', "not valid JSON in UTF-8"),
        (b"\xff\xfe{}", "not valid JSON in UTF-8"),
        (b"[" * 100_000, "not valid JSON in UTF-8"),
        (b'{"entries": ' + b"1" * 5000 + b"}", "not valid JSON in UTF-8"),
        (b"[]", "must be an object with a list named 'entries'"),
        (b"{}", "must be an object with a list named 'entries'"),
        (b'{"entries": {}}', "must be an object with a list named 'entries'"),
        (b'{"entries": []}', "'entries' is empty"),
        (b'{"entries": ["s3://raw/a"]}', "entries[0]: must be an object with a text named 'url'"),
        (b'{"entries": [{"url": 1}]}', "entries[0]: must be an object with a text named 'url'"),
        (b'{"entries": [{"url": "s3://raw/a"}, {"url": "raw/b"}]}', "entries[1].url: 'raw/b' is not an object URL"),
        (b'{"entries": [{"url": "s3://raw/\\ud800"}]}', "entries[0].url: 's3://raw/\\ud800': the key cannot be"),
        (b'{"entries": [{"url": "s3://raw/a", "mandatory": "yes"}]}', "entries[0].mandatory: must be true or false"),
        (b'{"entries": [{"url": "s3://raw/a", "meta": 3}]}', "entries[0].meta.content_length: must be a whole number"),
        (b'{"entries": [{"url": "s3://raw/a", "meta": {"content_length": "3"}}]}', "must be a whole number"),
        (b'{"entries": [{"url": "s3://raw/a", "meta": {"content_length": 3.0}}]}', "must be a whole number"),
        (b'{"entries": [{"url": "s3://raw/a", "meta": {"content_length": true}}]}', "must be a whole number"),
        (b'{"entries": [{"url": "s3://raw/a", "meta": {"content_length": -1}}]}', "must be a whole number"),
        (
            b'{"entries": [{"url": "s3://raw/a"}, {"url": "s3://raw/b"}, {"url": "s3://raw/a"}]}',
            "s3://raw/a is listed 2 times; each file may stand once",
        ),
    ],
)
def test_a_bad_manifest_is_refused_with_its_place_and_rule(body: bytes, rule: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(body, URL)
    assert str(caught.value).startswith(f"{URL}: ")
    assert rule in str(caught.value)


_FIELDS = st.sampled_from(["entries", "url", "meta", "mandatory", "content_length"])
_JSON = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(_FIELDS, inner))


@given(st.binary() | _JSON.map(lambda document: json.dumps(document).encode()))
def test_anything_else_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(ManifestError, match=re.escape(URL)):
        Manifest.parse(body, URL)


def test_files_of_the_folder_and_below_are_inside() -> None:
    _inside(f"s3://raw/{FOLDER}/a.json", f"s3://raw/{FOLDER}/part/b c+.json", f"s3://raw/{FOLDER}/other/manifest.json")


def test_a_file_may_have_a_moment_in_its_name() -> None:
    """Hadoop would take what stands before the colon for the scheme of a URI; no file is opened by it."""
    _inside(f"s3://raw/{FOLDER}/2026-11-20T13:00:00+01:00.csv")


def test_files_of_the_same_folder_of_the_archive_are_inside() -> None:
    _inside(f"s3://raw/archive/{FOLDER}/a.json", f"s3://raw/{FOLDER}/b.json", f"s3://raw/archive/{FOLDER}/part/c.json")


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        (f"s3://other/{FOLDER}/a", f"is not inside s3://raw/{FOLDER}/"),
        ("s3://raw/orders/year=2026/month=11/day=20/hour=14/a", f"is not inside s3://raw/{FOLDER}/"),
        (f"s3://raw/{FOLDER}0/a", f"is not inside s3://raw/{FOLDER}/"),
        (f"s3://raw/x/{FOLDER}/a", f"is not inside s3://raw/{FOLDER}/"),
        (URL, "the manifest lists itself"),
        (f"s3://raw/archive/{FOLDER}/manifest.json", "the manifest lists itself"),
        ("s3://raw/archive/orders/year=2026/month=11/day=20/hour=14/a", f"is not inside s3://raw/{FOLDER}/"),
        (f"s3://raw/archive/archive/{FOLDER}/a", f"is not inside s3://raw/{FOLDER}/"),
        (f"s3://raw/archive/{FOLDER}/../hour=14/a", "has an empty, '.' or '..' part in its path"),
        (f"s3://raw/archive/{FOLDER}/good", "has the name of entries[0]; one of the two is in the archive"),
        (f"s3://raw/{FOLDER}/{'k' * 980}", "there is no room for its name in the archive: "),
        (f"s3://raw/{FOLDER}/../hour=14/a", "has an empty, '.' or '..' part in its path"),
        (f"s3://raw/{FOLDER}//a", "has an empty, '.' or '..' part in its path"),
        (f"s3://raw/{FOLDER}/./a", "has an empty, '.' or '..' part in its path"),
        (f"s3://raw/{FOLDER}/sub/", "has an empty, '.' or '..' part in its path"),
    ],
)
def test_what_is_not_inside_is_refused_with_its_entry(url: str, rule: str) -> None:
    with pytest.raises(ManifestError) as caught:
        _inside(f"s3://raw/{FOLDER}/good", url)
    assert str(caught.value).startswith(f"{URL}: entries[1]: ")
    assert rule in str(caught.value)


_ENTRIES = st.builds(
    ManifestEntry,
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).map(lambda key: f"s3://raw/{key}"),
    st.none() | st.integers(min_value=0),
    st.booleans(),
)


@given(st.lists(_ENTRIES, min_size=1, unique_by=lambda entry: entry.url).map(tuple).map(Manifest))
def test_what_is_written_reads_back(manifest: Manifest) -> None:
    assert Manifest.parse(manifest.to_json().encode(), URL) == manifest


def test_a_load_manifest_is_sorted_and_complete() -> None:
    manifest = load_manifest([("s3://p/b", 2), ("s3://p/a", 1)])
    assert json.loads(manifest.to_json()) == {
        "entries": [
            {"url": "s3://p/a", "mandatory": True, "meta": {"content_length": 1}},
            {"url": "s3://p/b", "mandatory": True, "meta": {"content_length": 2}},
        ]
    }
