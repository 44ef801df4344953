"""`sluice contract new`: the reviewed contract of one sample of each format, and laws that hold for any sample.

``SLUICE_WRITE_GOLDEN=1 pytest tests/unit/test_contract_new.py`` writes the reviewed contracts again.
"""

import csv
import io
import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from string import ascii_lowercase
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.contract import Contract
from sluice.contract.files import read_contract, read_contracts
from sluice.contract.rules import problems
from sluice.errors import SampleError
from sluice.infer.draft import scalar
from sluice.infer.infer import Options, infer
from sluice.infer.moments import DATE_FORMATS, ISO, TIMESTAMP_FORMATS, is_date, is_timestamp
from sluice.infer.values import Values
from sluice.kernel.moments import iso_date, iso_timestamp, reader
from sluice.lake.layout import Partition
from sluice.simulator import DATASETS, SimulatorOptions, simulate
from tests.unit.inferred import misfits, parsed, rows

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests" / "fixtures" / "samples"
GOLDEN = ROOT / "tests" / "golden" / "contracts"
FILES = {
    "deliveries": "finance/deliveries/2026-11-20/13/part 1.csv",
    "stores": "stores/stores.xml",
    "tickets": "tickets/year=2026/month=11/day=20/tickets.json",
}
HOUR = Partition(datetime(2026, 11, 20, 13, tzinfo=UTC))
CONTRACTS = read_contracts(ROOT / "contracts")
REUSE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def from_yaml(folder: Path, text: str) -> Contract:
    return read_contract(write(folder / "inferred.yaml", text))


def readings(folder: Path) -> Path:
    """A Parquet file with every kind of column."""
    moment = datetime(2026, 11, 20, 13, 5, 0, 250000)  # noqa: DTZ001 - Parquet's timestamp without a zone
    parts = [[{"no": 1, "unit": "cel"}, {"no": 2, "unit": None}], []]
    table = pa.table(
        {
            "SensorID": pa.array([7, 8], pa.int64()),
            "small": pa.array([1, None], pa.uint8()),
            "share": pa.array([0.5, 0.25], pa.float32()),
            "price": pa.array([Decimal("1.50"), Decimal("2.00")], pa.decimal128(9, 2)),
            "day": pa.array([date(2026, 11, 20)] * 2, pa.date32()),
            "modified": pa.array([moment, moment], pa.timestamp("us")),
            "meta": pa.array(
                [{"place": "Łódź", "raw": b"x"}, None], pa.struct([("place", pa.string()), ("raw", pa.binary())])
            ),
            "parts": pa.array(parts, pa.list_(pa.struct([("no", pa.int16()), ("unit", pa.string())]))),
            "tags": pa.array([["a"], ["b"]], pa.list_(pa.string())),
            "never": pa.array([None, None], pa.bool_()),
        }
    )
    path = folder / "readings" / "20261120" / "13" / "readings.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(table, path)
    return path


def sample(dataset: str, folder: Path) -> Path:
    return readings(folder) if dataset == "readings" else SAMPLES / FILES[dataset]


@pytest.mark.parametrize("dataset", [*FILES, "readings"])
def test_the_contract_is_the_reviewed_one(dataset: str, tmp_path: Path) -> None:
    draft = infer(dataset, [sample(dataset, tmp_path)], Options())
    text = draft.to_yaml()
    path = GOLDEN / f"{dataset}.yaml"
    if os.environ.get("SLUICE_WRITE_GOLDEN") == "1":
        write(path, text)
    assert text == path.read_text(encoding="utf-8")
    assert read_contract(path) == draft.contract
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("dataset", FILES)
def test_the_conversion_takes_every_record_of_the_sample(dataset: str, tmp_path: Path) -> None:
    path = sample(dataset, tmp_path)
    contract = infer(dataset, [path], Options()).contract
    assert misfits(contract, path.read_bytes()) == []
    assert len(parsed(contract, path.read_bytes())) == {"deliveries": 25, "stores": 3, "tickets": 8}[dataset]


def test_nested_values_come_from_where_they_stand(tmp_path: Path) -> None:
    path = sample("stores", tmp_path)
    contract = infer("stores", [path], Options()).contract
    found = {table.name: rows(contract, path.read_bytes(), table) for table in contract.tables}
    assert found["stores_phone"] == [
        {"id": "007", "text": "0221-1", "last_modified": "2026-11-19T08:00:00"},
        {"id": "007", "text": "0221-2", "last_modified": "2026-11-19T08:00:00"},
        {"id": "011", "text": "030-1", "last_modified": "2026-11-20T08:00:00+01:00"},
    ]
    assert [row["size"] for row in found["stores"]] == ["120.5", "80.25", "99"]
    assert [row["size_unit"] for row in found["stores"]] == ["m2", "m2", None]


# What the simulator writes


def simulated_files(dataset: str, folder: Path, options: SimulatorOptions, partition: Partition) -> list[Path]:
    made = simulate(CONTRACTS[dataset], partition, options)
    paths = []
    for index, name in enumerate(made.file_names):
        stream = io.BytesIO()
        made.write(index, stream)
        paths.append(write(folder / made.folder / name, stream.getvalue()))
    return paths


@pytest.mark.parametrize("dataset", DATASETS)
@settings(REUSE, max_examples=3)
@given(seed=st.integers(0, 10_000))
def test_good_records_of_the_simulator_fit(dataset: str, tmp_path: Path, seed: int) -> None:
    options = SimulatorOptions(HOUR, seed=seed, rows=200, bad_share=0)
    files = simulated_files(dataset, tmp_path, options, HOUR)
    draft = infer(dataset, files, Options())
    contract = from_yaml(tmp_path, draft.to_yaml())
    known = CONTRACTS[dataset]
    assert contract == draft.contract
    assert problems(contract) == []
    assert contract.source.layout == known.source.layout
    assert contract.source.format == known.source.format
    assert [len(table.primary_key) for table in contract.tables] == [len(t.primary_key) for t in known.tables]
    assert [table.order_by for table in contract.tables] == [table.order_by for table in known.tables]
    sources = [{table.column(name).path for name in table.primary_key} for table in contract.tables]
    assert sources == [{table.column(name).path for name in table.primary_key} for table in known.tables]
    for file in [*files, *simulated_files(dataset, tmp_path / "next", options, HOUR.next())]:
        assert misfits(contract, file.read_bytes()) == []


# Any sample


KINDS: tuple[st.SearchStrategy[str], ...] = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0\ufffd"), max_size=12),
    st.integers(-(10**40), 10**40).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.dates().map(date.isoformat),
    st.datetimes().map(datetime.isoformat),
    st.sampled_from(
        ["", "NULL", "-", "true", "no", "007", "20.11.2026", "11/20/2026", "1e400", "+5", "1.", ".5", "-.5"]
    ),
)


@REUSE
@given(data=st.data())
def test_any_table_of_texts_gives_a_contract_that_takes_it(tmp_path: Path, data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 5))
    names = data.draw(
        st.lists(st.text(ascii_lowercase, min_size=1, max_size=8), min_size=width, max_size=width, unique=True)
    )
    # Values of one kind in each column, so that types other than text come up.
    pools = data.draw(st.lists(st.sampled_from([*KINDS, st.one_of(KINDS)]), min_size=width, max_size=width))
    table = data.draw(st.lists(st.tuples(*pools), min_size=1, max_size=12))
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([names, *table])
    path = write(tmp_path / "any.csv", stream.getvalue())
    draft = infer("any_rows", [path], Options(header=True))
    contract = from_yaml(tmp_path, draft.to_yaml())
    assert contract == draft.contract
    assert misfits(contract, path.read_bytes()) == []
    assert [column.path for column in contract.tables[0].columns] == names


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)  # No contract takes NUL.
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c.d", "", "$", "@x"]), inner)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["id", "a", "b", "B", "order", "$", "x.y"]), TREES, min_size=1, max_size=4)


@settings(REUSE, max_examples=60)
@given(records=st.lists(OBJECTS, min_size=1, max_size=6), is_array=st.booleans())
def test_any_json_gives_a_contract_that_takes_it_or_a_reason(
    tmp_path: Path, records: list[object], is_array: bool
) -> None:
    text = json.dumps(records) if is_array else "\n".join(map(json.dumps, records))
    path = write(tmp_path / "any.json", text)
    try:
        draft = infer("any_objects", [path], Options())
    except SampleError as exc:
        assert "no value of its records can be a column" in str(exc)  # noqa: PT017 - one of two outcomes
        return
    contract = from_yaml(tmp_path, draft.to_yaml())
    assert contract == draft.contract
    assert misfits(contract, path.read_bytes()) == []
    assert len(parsed(contract, path.read_bytes())) == len(records)


ATTRIBUTES = st.dictionaries(st.sampled_from(["id", "n", "a.b"]), st.sampled_from(["", "1", "007", "x<&"]), max_size=2)
ELEMENTS = st.recursive(
    st.tuples(ATTRIBUTES, st.sampled_from(["", "x", " y ", "2.50", "2026-11-20", "NULL"])),
    lambda inner: st.tuples(ATTRIBUTES, st.lists(st.tuples(st.sampled_from(["a", "b", "c.d"]), inner), max_size=3)),
    max_leaves=10,
)


def element(name: str, attributes: dict[str, str], inside: str | list[tuple[str, tuple[dict[str, str], Any]]]) -> str:
    parts = (
        [escape(inside)] if isinstance(inside, str) else [element(child, *below) + "text" for child, below in inside]
    )
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{''.join(parts)}</{name}>"


@settings(REUSE, max_examples=60)
@given(records=st.lists(ELEMENTS, min_size=2, max_size=4))
def test_any_xml_gives_a_contract_that_takes_it(tmp_path: Path, records: list[tuple[dict[str, str], Any]]) -> None:
    text = f"<all>{''.join(element('row', *record) for record in records)}</all>"
    path = write(tmp_path / "any.xml", text)
    try:
        draft = infer("any_elements", [path], Options())
    except SampleError as exc:
        assert "no value of its records can be a column" in str(exc)  # noqa: PT017 - one of two outcomes
        return
    assert from_yaml(tmp_path, draft.to_yaml()) == draft.contract
    assert misfits(draft.contract, path.read_bytes()) == []
    assert len(parsed(draft.contract, path.read_bytes())) == len(records)


@given(st.text(max_size=30))
def test_every_text_is_read_back_from_yaml(text: str) -> None:
    import yaml

    assert yaml.safe_load(f"- {{name: {scalar(text)}, list: [{scalar(text)}]}}") == [{"name": text, "list": [text]}]


# Dates and times as the conversion reads them


@pytest.mark.parametrize("form", [*DATE_FORMATS, *TIMESTAMP_FORMATS])
@settings(max_examples=10)
@given(moment=st.datetimes(datetime(1970, 1, 1), datetime(2060, 1, 1)))  # noqa: DTZ001
def test_formats_are_read_by_the_conversion(form: str, moment: datetime) -> None:
    text = moment.strftime(form)
    assert (is_date if form in DATE_FORMATS else is_timestamp)(form, text)
    assert reader(form)(text) is not None


_CLOCK = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,7})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
LOOKS_LIKE_A_TIME = st.from_regex(rf"\A(20[0-9]{{2}}|0000)[-/. ]?[0-9]{{1,2}}[-/. ]?[0-9]{{1,2}}({_CLOCK})?\Z")


@settings(max_examples=150)
@given(LOOKS_LIKE_A_TIME)
def test_what_counts_as_iso_is_what_the_conversion_takes(text: str) -> None:
    assert is_date(ISO, text) == (iso_date(text) is not None)
    assert is_timestamp(ISO, text) == (iso_timestamp(text) is not None)


# Types


@pytest.mark.parametrize(
    ("name", "texts", "kind", "form"),
    [
        ("n", ["1", "-20"], "integer", None),
        ("n", ["214748364"], "integer", None),
        ("n", ["214748365"], "bigint", None),
        ("n", ["-9223372036854775807"], "bigint", None),
        ("n", ["9223372036854775808"], "decimal(22,0)", None),
        ("n", ["9" * 38], "decimal(38,0)", None),
        ("n", ["9" * 39], "varchar(128)", None),
        ("n", ["007", "12"], "varchar(16)", None),
        ("n", ["+49"], "varchar(16)", None),
        ("zip_code", ["50667"], "varchar(16)", None),
        ("n", ["1.50", "0.25"], "decimal(12,2)", None),
        ("n", ["1.5", "0.25"], "decimal(14,4)", None),
        ("n", ["12345678901.5"], "decimal(17,3)", None),
        ("n", [f"{number}.25" for number in range(70)], "decimal(12,2)", None),
        ("n", ["0.1234567891"], "double precision", None),
        ("n", ["1e-3", "2"], "double precision", None),
        ("n", ["1e999"], "varchar(16)", None),
        ("n", ["true", "TRUE"], "boolean", None),
        ("n", ["y", "N"], "boolean", None),
        ("n", ["no"], "varchar(16)", None),
        ("n", ["0", "1"], "integer", None),
        ("n", ["2026-11-20"], "date", None),
        ("n", ["20.11.2026"], "date", "%d.%m.%Y"),
        ("n", ["11/20/2026"], "date", "%m/%d/%Y"),
        ("n", ["10/11/2026"], "date", "%d/%m/%Y"),
        ("n", ["1.11.2026"], "date", "%d.%m.%Y"),
        ("n", ["3/7/2026", "12/25/2026"], "date", "%m/%d/%Y"),
        ("n", ["3/7/2026 1:05 PM", "12/25/2026 12:00 AM"], "timestamp", "%m/%d/%Y %I:%M %p"),
        ("n", ["3/7/2026 1:5 PM"], "varchar(32)", None),
        ("n", ["2026-11-20 13:05:00+01", "2026-11-20T13:05Z"], "timestamp", None),
        ("created_at", ["1648218655338"], "timestamp", "epoch_ms"),
        ("ts", ["1648218655", "1648218656"], "timestamp", "epoch_s"),
        ("n", ["1648218655338"], "bigint", None),
        ("n", ["1.234,50", "17,00"], "decimal(12,2)", None),
        ("n", ["1,234.50", "17"], "decimal(12,2)", None),
        ("n", ["1,234", "5,678"], "varchar(16)", None),
        ("n", ["9007199254740993", "1E+05"], "decimal(19,0)", None),
        ("hours", ["8", "9"], "decimal(14,4)", None),
        ("visits", ["8", "9"], "integer", None),
        ("n", ["8"] * 20, "decimal(14,4)", None),
        ("n_count", ["8"] * 20, "integer", None),
        ("ordered_on", ["20261120"], "date", "%Y%m%d"),
        ("n", ["20261120"], "integer", None),
        ("n", ["20261120"] * 10, "date", "%Y%m%d"),
        ("n", ["2026-11-20T13:00:00Z", "2026-11-20 13:00:00.5"], "timestamp", None),
        ("n", ["2026-11-20 13:00"], "timestamp", None),
        ("n", ["20.11.2026 13:00:00.25"], "timestamp", "%d.%m.%Y %H:%M:%S.%f"),
        ("n", ["11/20/2026 01:30 PM"], "timestamp", "%m/%d/%Y %I:%M %p"),
        ("n", ["2026-11-20", "2026-11-20T13:00:00"], "varchar(64)", None),
        ("n", ["2026-02-30"], "varchar(32)", None),
        ("n", ["ü" * 20], "varchar(128)", None),
        ("n", ["x" * 40_000], "varchar(65535)", None),
        ("n", [], "varchar(256)", None),
        ("n", ["-"], "varchar(16)", None),
    ],
)
def test_types(name: str, texts: list[str], kind: str, form: str | None) -> None:
    values = Values()
    for text in texts:
        values.add(text)
    guess = values.guess(name)
    assert (guess.sql_type.redshift, guess.form) == (kind, form)


def test_words_for_null_count_only_beside_numbers_and_times() -> None:
    numbers, texts = Values(), Values()
    for text in ("-", "3", "NaN"):
        numbers.add(text)
        texts.add(text)
    texts.add("word")
    assert (numbers.guess("n").null_values, texts.guess("n").null_values) == (("-", "NaN"), ())
