"""What raw files lack, as the transaction that merges their rows sees it."""

from sluice.aws.data_api import MAX_STATEMENT_BYTES
from sluice.warehouse.absence import Absence


def test_any_number_of_files_and_fields_is_one_transaction() -> None:
    """A transaction of the Data API has at most 40 statements, however optional the fields of a source are."""
    files = [
        f"s3://sluice-raw/things/year=2026/month=11/day=20/hour=13/part-{number:05}.json" for number in range(5000)
    ]
    absence = Absence.of({f"c{place}": files[place::7] for place in range(60)} | {"never": ()})
    statements = list(absence.statements())
    assert len(statements) < 20
    assert max(len(sql.encode()) for sql in statements) < MAX_STATEMENT_BYTES
    assert sum(sql.count("s3://") for sql in statements) == len(files)
    assert (len(absence.columns), absence.groups[0][0]) == (60, ("c0",))
    assert list(Absence.of({"c": ()}).statements()) == []
