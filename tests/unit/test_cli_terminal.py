"""What results look like in a file or a pipe, and errors on the terminal."""

import pytest

from sluice.cli import main
from sluice.terminal import print_rows


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def test_in_a_file_a_row_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    url, reason = "s3://sluice-raw/" + "x" * 300, "word " * 100
    print_rows(["url", "n", "reason"], [(url, 7, reason), ("s3://b/k", 1234, None)], as_json=False)
    captured = capsys.readouterr()
    lines = [line.rstrip() for line in captured.out.splitlines()]
    assert lines == [
        f"{'url':<316}     n  reason",
        f"{url}     7  {reason.rstrip()}",
        f"{'s3://b/k':<316}  1234  null",
    ]
    assert captured.err == "2 rows\n"


def test_truth_values_are_written_as_sql_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(["yes", "no"], [(True, False)], as_json=False)
    assert capsys.readouterr().out.split() == ["yes", "no", "true", "false"]


def test_a_statement_without_a_result_does_not_speak_of_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], [], as_json=False)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "done\n")


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("http://127.0.0.1:9", "nothing answers at http://127.0.0.1:9: is `sluice up` running, and on this port?"),
        ("127.0.0.1:4566", "'127.0.0.1:4566' is not an endpoint: write it as http://127.0.0.1:4566"),
        ("localhost", "'localhost' is not an endpoint: write it as http://127.0.0.1:4566"),
    ],
)
def test_an_endpoint_that_cannot_be_reached(capsys: pytest.CaptureFixture[str], endpoint: str, message: str) -> None:
    for arguments in (["status"], ["query", "redshift", "select 1"]):
        with pytest.raises(SystemExit) as ended:
            main(["--endpoint-url", endpoint, *arguments])
        captured = capsys.readouterr()
        assert (ended.value.code, captured.out) == (1, "")
        assert message in captured.err
