"""What raw files lack, as the transaction that merges their rows sees it."""

from lambda_trigger.manifests import MAX_FILES
from sluice.aws.data_api import MAX_STATEMENT_BYTES, MAX_STATEMENTS
from sluice.warehouse.absence import Absence
from sluice.warehouse.batches import list_batches
from sluice.warehouse.merge import merge
from sluice.warehouse.staging import Staging
from sluice.warehouse.target import Target
from tests.warehouse.loads import things


def test_any_number_of_files_and_fields_is_one_transaction() -> None:
    """A transaction of the Data API has at most 40 statements, however optional the fields of a source are."""
    files = [
        f"s3://sluice-raw/things/year=2026/month=11/day=20/hour=13/part-{number:05}.json" for number in range(5000)
    ]
    absence = Absence.of({f"c{place}": files[place::7] for place in range(60)} | {"never": ()})
    statements = list(absence.statements())
    assert len(statements) < 10
    assert max(len(sql.encode()) for sql in statements) < MAX_STATEMENT_BYTES
    assert sum(sql.count("('") for sql in statements) == len(files)
    assert (len(absence.columns), absence.groups[0][0]) == (60, ("c0",))
    assert list(Absence.of({"c": ()}).statements()) == []


def test_as_many_files_as_a_manifest_may_list_are_one_transaction() -> None:
    """However long their names are: the rest of the transaction has 11 statements, of one batch."""
    files = [f"s3://sluice-raw/things/year=2026/month=11/day=20/{'件' * 250}{number}" for number in range(MAX_FILES)]
    staging = Staging(Target("things", "public", things()), "0123456789ab")
    batches = list_batches(["things.2026112013.0A"], "upsert")
    statements = merge(staging, batches, "c1", {"name": files})
    assert len(statements) <= MAX_STATEMENTS
    assert max(len(sql.encode()) for sql in statements) < MAX_STATEMENT_BYTES
