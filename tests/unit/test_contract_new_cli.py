"""`sluice contract new` as people call it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.cli import main
from sluice.contract.files import read_contract, read_contracts

SAMPLE = (
    "payment_id,amount,paid on,updated_at\n1,10.50,20.11.2026,2026-11-20T13:00:00\n2,,21.11.2026,2026-11-20T14:00:00\n"
)
EXPECTED = """\
# yaml-language-server: $schema=contract.schema.json
# Guessed by `sluice contract new` from 2 records of 1 file.
# Check what the comments say, then delete them.
# Tried on the samples: all of their 2 records are converted.
dataset: payments
source:
  format: csv
  # Folders: the usual one: the samples' folders name no date.
  layout: payments/year=%Y/month=%m/day=%d/hour=%H
tables:
  - name: payments
    # Key: unique and never null in 2 rows.
    primary_key: [payment_id]
    # Order: updated_at is named for it and never null; the newest version of a row wins.
    order_by: [updated_at]
    columns:
      # whole numbers of 1 digit at most
      - {name: payment_id, type: integer}
      # numbers of at most 2 digits before the point and 2 after it; null in 1 of 2 rows
      - {name: amount, type: "decimal(12,2)", null_values: [NA, N/A, "NULL", "null", NaN, "-"]}
      # every value is a date of %d.%m.%Y; never null, but 2 rows are too few to require it
      - {name: paid_on, type: date, source: paid on, format: "%d.%m.%Y",
         null_values: [NA, N/A, "NULL", "null", NaN, "-"]}
      # every value is a timestamp of ISO 8601
      - {name: updated_at, type: timestamp}
"""
Call = Callable[..., tuple[object, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls ``sluice contract new`` in a folder with a sample."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("samples").mkdir()
    Path("contracts").mkdir()
    Path("samples/a.csv").write_text(SAMPLE, encoding="utf-8")

    def run(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["contract", "new", *arguments])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


def test_the_contract_goes_to_standard_output(call: Call) -> None:
    assert call("payments", "samples/a.csv") == (0, EXPECTED, "")


def test_it_is_written_and_passes_the_check(call: Call) -> None:
    status, out, err = call("payments", "samples/a.csv", "--output", "contracts/payments.yaml")
    assert (status, out, err) == (0, "", "contracts/payments.yaml written; check what its comments say\n")
    assert Path("contracts/payments.yaml").read_text(encoding="utf-8") == EXPECTED
    assert list(read_contracts(Path("contracts"))) == ["payments"]


def test_a_file_that_is_there_stays_without_force(call: Call) -> None:
    path = Path("contracts/payments.yaml")
    path.write_text("mine", encoding="utf-8")
    arguments = ("payments", "samples/a.csv", "--output", str(path))
    message = "sluice: contracts/payments.yaml: is there already; write over it with --force\n"
    assert call(*arguments) == (1, "", message)
    assert path.read_text(encoding="utf-8") == "mine"
    assert call(*arguments, "--force")[0] == 0
    assert path.read_text(encoding="utf-8") == EXPECTED


def test_a_folder_is_its_files_of_data(call: Call) -> None:
    inside = Path("samples/payments/2026-11-20/13")
    inside.mkdir(parents=True)
    for name in ("b.csv", "c.csv"):
        (inside / name).write_text(SAMPLE, encoding="utf-8")
    for name in ("manifest.json", "_SUCCESS", ".hidden"):
        (inside / name).write_text("{}", encoding="utf-8")
    out = call("payments", "samples/payments")[1]
    assert "from 4 records of 2 files." in out
    assert "layout: payments/%Y-%m-%d/%H" in out


def test_options_are_taken(call: Call) -> None:
    status, out, _ = call("payments", "samples/a.csv", "--layout", "x/%Y/%m/%d", "--rows", "1", "--header")
    assert status == 0
    assert "  layout: x/%Y/%m/%d\n" in out
    assert "from 1 record of 1 file." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("payments", "none.csv"), "none.csv: No such file or directory"),
        (("payments", "contracts"), "contracts: holds no files"),
        (("Payments", "samples/a.csv"), "dataset: 'Payments' must be lower case letters"),
        (("payments", "samples/a.csv", "--layout", "x/%Y"), "source.layout: 'x/%Y': %Y, %m and %d must each appear"),
        (("payments", "samples/a.csv", "--output", "no/payments.yaml"), "no: no such folder"),
        (("payments", "samples/a.csv", "--output", "contracts/p.yaml"), "must be in a file named payments.yaml"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    call: Call, arguments: tuple[str, ...], message: str
) -> None:
    status, out, err = call(*arguments)
    assert (status, out) == (1, "")
    assert err.startswith("sluice: ")
    assert message in err
    assert list(Path("contracts").iterdir()) == []


def test_without_the_library_for_parquet_the_message_says_what_to_install(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("samples/a.parquet").write_bytes(b"PAR1")
    for name in ("pyarrow", "pyarrow.parquet", "sluice.infer.parquet_samples"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = "sluice: samples/a.parquet: reading Parquet needs the library pyarrow: pip install 'sluice[local]'\n"
    assert call("payments", "samples/a.parquet") == (1, "", message)


def test_the_written_contract_is_the_printed_one(call: Call) -> None:
    printed = call("payments", "samples/a.csv")[1]
    call("payments", "samples/a.csv", "--output", "contracts/payments.yaml")
    path = Path("contracts/payments.yaml")
    assert path.read_text(encoding="utf-8") == printed
    assert read_contract(path).tables[0].primary_key == ("payment_id",)
