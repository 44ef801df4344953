"""A contract that `sluice contract new` guesses converts its own sample as it is, to typed values."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from sluice.infer.infer import Options, infer
from sluice.infer.moments import DATE_FORMATS, TIMESTAMP_FORMATS
from tests.spark.lake import Lake
from tests.unit.test_contract_new import readings

MOMENT = datetime(2026, 11, 23, 15, 4, 5, 250000, tzinfo=UTC)


def convert(lake: Lake, dataset: str, path: Path) -> dict[str, tuple[int, int, int]]:
    """Rows read, rejected and published of each table."""
    outcome = lake.run_one(infer(dataset, [path], Options()).contract, {path.name: path.read_bytes()})
    assert (outcome.error, outcome.reasons) == ("", {})
    return {name: (counts.read, counts.rejected, counts.published) for name, counts in outcome.table_counts().items()}


def test_csv_with_every_part_of_dates_and_times(lake: Lake, tmp_path: Path) -> None:
    forms = ["%d.%m.%Y", "%Y%m%d", "%d-%b-%y", "%B %d, %Y", "%Y/%m/%d %H:%M", "%d.%m.%YT%H:%M:%S.%f"]
    forms += ["%m/%d/%y %I:%M:%S %p", "%b %d, %Y %I:%M %p", "%Y%m%d%H%M%S"]
    assert set(forms) <= {*DATE_FORMATS, *TIMESTAMP_FORMATS}
    names = ["id", *(f"on_{number}" for number in range(len(forms)))]
    moments = [MOMENT, MOMENT.replace(month=2, day=28)]
    lines = [[str(row), *(moment.strftime(form) for form in forms)] for row, moment in enumerate(moments)]
    path = tmp_path / "days.csv"
    path.write_text("\n".join("|".join(line) for line in [names, *lines]), encoding="utf-8")

    assert convert(lake, "days", path) == {"days": (2, 0, 2)}
    for row in lake.rows("days"):
        moment = moments[int(row[0])]
        for form, value in zip(forms, row[1:], strict=True):
            expected = datetime.strptime(moment.strftime(form), form).replace(tzinfo=UTC)
            assert value == (expected.date() if form in DATE_FORMATS else expected), form


def test_parquet(lake: Lake, tmp_path: Path) -> None:
    both = (2, 0, 2)
    tables = {"readings": both, "readings_parts": both, "readings_tags": both}
    assert convert(lake, "readings", readings(tmp_path)) == tables
    moment = datetime(2026, 11, 20, 13, 5, 0, 250000, tzinfo=UTC)
    assert lake.rows("readings") == [
        (7, 1, 0.5, Decimal("1.50"), date(2026, 11, 20), moment, "Łódź", "x", None),
        (8, None, 0.25, Decimal("2.00"), date(2026, 11, 20), moment, None, None, None),
    ]
    assert lake.rows("readings_parts") == [(7, 1, "cel", moment), (7, 2, None, moment)]
    assert lake.rows("readings_tags") == [(7, "a", moment), (8, "b", moment)]
