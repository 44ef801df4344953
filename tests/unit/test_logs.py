"""Every line of the logs: one JSON object that says which dataset, batch and run it is about."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import ManifestError
from sluice.logs import (
    MAX_ITEMS,
    MAX_TEXT,
    ContextFilter,
    JsonFormatter,
    in_context,
    log_context,
    logged_run,
    only,
    to_line,
)
from sluice.parallel import each

NAMES = ("dataset", "batch", "claim")
KEYS = ["timestamp", "level", "logger", "message", "dataset", "batch", "claim"]


class Lines:
    """A log of its own, read back line by line."""

    def __init__(self) -> None:
        self.logger = logging.getLogger("sluice.tests.logs")
        self._text = io.StringIO()
        handler = logging.StreamHandler(self._text)
        handler.addFilter(ContextFilter())
        handler.setFormatter(JsonFormatter())
        self.logger.handlers, self.logger.propagate, self.logger.level = [handler], False, logging.INFO

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._text.getvalue().split("\n")[:-1]]

    def about(self) -> list[tuple[str, str, str]]:
        return [(line["dataset"], line["batch"], line["claim"]) for line in self.all]


@pytest.fixture
def lines() -> Iterator[Lines]:
    made = Lines()
    yield made
    made.logger.handlers.clear()
    made.logger.propagate = True


def test_a_line_has_all_its_parts(lines: Lines) -> None:
    before = datetime.now(UTC)
    with log_context(dataset="orders", batch="orders.1", claim="c1"):
        lines.logger.warning("%d rows of %s", 3, "part-1")
    [line] = lines.all
    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert before.timestamp() - 0.001 <= moment.timestamp() <= datetime.now(UTC).timestamp()
    assert moment.utcoffset() == UTC.utcoffset(None)
    assert line == {
        "level": "WARNING",
        "logger": "sluice.tests.logs",
        "message": "3 rows of part-1",
        "dataset": "orders",
        "batch": "orders.1",
        "claim": "c1",
    }


def _log_and_break(log: Callable[[str], None]) -> None:
    with log_context(batch="b2", claim="c2"):
        log("other batch, other run")
        raise ZeroDivisionError


def test_contexts_nest_and_are_restored_whatever_happens(lines: Lines) -> None:
    log = lines.logger.info
    log("outside")
    with log_context(dataset="orders", claim="c1"):
        log("run")
        with log_context(batch="b1"):
            log("batch")
            with pytest.raises(ZeroDivisionError):
                _log_and_break(log)
            log("batch again")
        with log_context(dataset="customers", batch="", claim=""):
            log("emptied")
        log("run again")
    log("outside again")
    assert lines.about() == [
        ("", "", ""),
        ("orders", "", "c1"),
        ("orders", "b1", "c1"),
        ("orders", "b2", "c2"),
        ("orders", "b1", "c1"),
        ("customers", "", ""),
        ("orders", "", "c1"),
        ("", "", ""),
    ]


@given(st.lists(st.fixed_dictionaries({}, optional={name: st.text(max_size=3) for name in NAMES}), max_size=6))
def test_the_innermost_name_counts_and_all_come_back(layers: list[dict[str, str]]) -> None:
    seen = []

    def current() -> tuple[str, ...]:
        record = logging.makeLogRecord({})
        assert ContextFilter().filter(record)
        return tuple(getattr(record, name) for name in NAMES)

    def descend(rest: list[dict[str, str]]) -> None:
        seen.append(current())
        if rest:
            with log_context(**rest[0]):
                descend(rest[1:])
            seen.append(current())

    descend(layers)
    expected = [("", "", "")]
    for layer in layers:
        expected.append(tuple(layer.get(name, old) for name, old in zip(NAMES, expected[-1], strict=True)))  # type: ignore[arg-type]
    assert seen == expected + expected[-2::-1]


def test_a_records_own_names_stay(lines: Lines) -> None:
    with log_context(dataset="orders", claim="c1"):
        lines.logger.info("told", extra={"dataset": "customers"})
    assert lines.about() == [("customers", "", "c1")]


def test_threads_have_the_context_of_who_started_them_and_no_other(lines: Lines) -> None:
    together = Barrier(4)

    def work(number: int) -> None:
        together.wait(30)
        with log_context(batch=f"b{number}"):
            lines.logger.info("in")
            together.wait(30)
            lines.logger.info("in")

    with log_context(dataset="orders", claim="c1"):
        each(work, range(4), workers=4)
        lines.logger.info("after")
    assert sorted(lines.about()[:-1]) == sorted(("orders", f"b{n % 4}", "c1") for n in range(8))
    assert lines.about()[-1] == ("orders", "", "c1")


def test_a_reused_thread_does_not_remember(lines: Lines) -> None:
    with ThreadPoolExecutor(1) as pool:
        with log_context(dataset="orders"):
            list(pool.map(in_context(lambda _: lines.logger.info("first")), [0]))
        list(pool.map(lambda _: lines.logger.info("second"), [0]))
    assert lines.about() == [("orders", "", ""), ("", "", "")]


def test_an_exception_is_part_of_its_line(lines: Lines) -> None:
    try:
        raise ManifestError("no entries\nand a second line")  # noqa: TRY301 - what is logged must have been raised
    except ManifestError:
        lines.logger.exception("refused")
    [line] = lines.all
    assert list(line) == [*KEYS, "exception"]
    assert line["message"] == "refused"
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("sluice.errors.ManifestError: no entries\nand a second line")


@pytest.mark.parametrize(
    "text",
    [
        'part\n{"level": "INFO", "message": "forged"}\n',
        "a\r\nb",
        "\x1b[2Jcleared",
        "\u2028 \u2029 \x85 \x0b \x0c",
        pytest.param("\ud800 half a character", id="half a character"),  # an id goes between processes, as UTF-8
        '"quoted" \\ ä 中 😀',
        "\0",
    ],
)
def test_nothing_in_a_message_can_begin_a_line_of_its_own(lines: Lines, text: str) -> None:
    with log_context(batch=text):
        lines.logger.info("file %s", text)
    [line] = lines.all
    assert (line["message"], line["batch"]) == (f"file {text}", text)
    raw = lines.logger.handlers[0].stream.getvalue()  # type: ignore[attr-defined]
    assert raw.isascii()
    assert len(raw.splitlines()) == 1


def test_a_line_is_bounded() -> None:
    text = "x" * 1_000_000
    nested: object = text
    for _ in range(50):
        nested = {"deeper": nested}
    line = to_line({"message": "begin" + text + "end", "many": [text] * 1000, "deep": nested, text: 1})
    found = json.loads(line)
    assert len(found["message"]) == MAX_TEXT
    assert found["message"].startswith("beginxxx")
    assert found["message"].endswith("xxxend")
    assert "[... 1000008 characters ...]" in found["message"]
    assert len(found["many"]) == MAX_ITEMS
    assert len(line) < (MAX_ITEMS + 4) * (MAX_TEXT + 100)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (ManifestError("why"), "why"),
        ((1, "a"), [1, "a"]),
        ({1: b"x"}, {"1": "b'x'"}),
    ],
)
def test_values_are_shown_as_json(value: object, shown: object) -> None:
    assert json.loads(to_line({"value": value})) == {"value": shown}


@given(st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none() | st.booleans(), max_size=5))
def test_what_fits_comes_back_as_it_was(fields: dict[str, object]) -> None:
    assert json.loads(to_line(fields)) == fields


@pytest.mark.parametrize(("batches", "batch"), [((), None), (("b1",), "b1"), (("b1", "b2"), None)])
def test_a_run_of_one_batch_is_about_that_batch(batches: tuple[str, ...], batch: str | None) -> None:
    assert only(batches) == batch


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ManifestError("no entries"), "the run failed: ManifestError: no entries"),
        (ValueError("could not cast 'secret of a customer'"), "the run failed: ValueError"),
    ],
)
def test_a_run_that_fails_says_so_in_its_context(lines: Lines, error: Exception, message: str) -> None:
    with pytest.raises(type(error)), logged_run(lines.logger, dataset="orders", claim="c1"):
        raise error
    [line] = lines.all
    assert (line["level"], line["message"]) == ("ERROR", message)
    assert lines.about() == [("orders", "", "c1")]


def _process(script: str, **environment: str) -> list[dict[str, Any]]:
    """What a process writes to standard output; how logging is set up is a matter of the whole process."""
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "TZ": "Asia/Tokyo", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_glue_job_writes_json_lines_to_standard_output() -> None:
    script = """
import logging
from sluice.logs import log_json_lines, log_context
log_json_lines()
with log_context(dataset="orders", claim="c1"):
    logging.getLogger("botocore").info("of a library")
    logging.getLogger("py4j.clientserver").info("closing down a connection")
    logging.getLogger("sluice.x").debug("too quiet")
logging.warning("outside")
"""
    found = _process(script)
    assert [list(line) for line in found] == [KEYS, KEYS]
    assert [[line[key] for key in KEYS[1:]] for line in found] == [
        ["INFO", "botocore", "of a library", "orders", "", "c1"],
        ["WARNING", "root", "outside", "", "", ""],
    ]
    assert all(line["timestamp"].endswith("+00:00") for line in found)


LAMBDA = """
import logging
from types import SimpleNamespace
from lambda_trigger.logs import function_logger, share
from sluice.parallel import each
from sluice.logs import log_context
import sluice.backoff
logger = function_logger()
share(logger)
library = logging.getLogger("sluice.backoff")
ours = logging.getLogger("lambda_trigger.after_run")

@logger.inject_lambda_context
def handler(event, context):
    logger.info("handler")
    with log_context(dataset="orders", claim="c1"):
        library.info("library")
        each(lambda n: in_thread(n), [1, 2], workers=2)
        try:
            raise ValueError("two\\nlines")
        except ValueError:
            logger.exception("broken", message_id="m1")
    ours.info("x" * 100000)

def in_thread(number):
    with log_context(batch=f"b{number}"):
        ours.info("thread")

handler({}, SimpleNamespace(function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="r"))
"""


def test_a_functions_lines_have_the_same_names() -> None:
    found = _process(LAMBDA, POWERTOOLS_SERVICE_NAME="sluice-on-job-change")
    assert all(set(KEYS) <= set(line) for line in found)
    assert all(line["function_request_id"] == "r" for line in found)
    assert all(line["timestamp"].endswith("+00:00") for line in found)
    assert all("stack_trace" not in line and "name" not in line for line in found)
    about = [[line[key] for key in ("logger", "dataset", "batch", "claim")] for line in found]
    assert about[:2] == [["sluice-trigger", "", "", ""], ["sluice.backoff", "orders", "", "c1"]]
    assert sorted(about[2:4]) == [["lambda_trigger.after_run", "orders", f"b{n}", "c1"] for n in (1, 2)]
    assert about[4:] == [["sluice-trigger", "orders", "", "c1"], ["lambda_trigger.after_run", "", "", ""]]
    assert found[4]["exception"].endswith("ValueError: two\nlines")
    assert found[4]["message_id"] == "m1"
    assert len(found[5]["message"]) == MAX_TEXT
