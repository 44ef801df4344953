"""Filter policies look into arrays of objects."""

from localcloud.topic_filters import BodyLookup

EVENT = {"Records": [{"name": "a", "s3": {"object": {"key": "orders/x"}}}, {"name": ["b", "c"], "s3": {}}], "empty": []}


def test_values_of_every_element_count() -> None:
    records = BodyLookup([EVENT]).child("Records")
    assert records is not None
    assert records("name") == (True, ["a", "b", "c"], True)
    assert records("missing") == (False, [], True)


def test_objects_below_an_array_are_found() -> None:
    records = BodyLookup([EVENT]).child("Records")
    assert records is not None
    below = records.child("s3")
    assert below is not None
    found = below.child("object")
    assert found is not None
    assert found("key") == (True, ["orders/x"], True)


def test_what_is_no_object_has_no_properties() -> None:
    assert BodyLookup([EVENT]).child("empty") is None
    assert BodyLookup([{"a": "text"}]).child("a") is None
    assert BodyLookup([{}])("a") == (False, [], False)
    assert BodyLookup([{"a": None}])("a") == (False, [], True)
    assert BodyLookup([{"a": []}])("a") == (True, [], True)
