"""TPC-H's lineitem in the forms that job 1 reads, made once from the CSV of ``tpchgen-cli``; nothing of Sluice."""

import gzip
import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from xml.sax.saxutils import escape

COLUMNS = {
    "l_orderkey": "bigint", "l_partkey": "bigint", "l_suppkey": "bigint", "l_linenumber": "integer",
    "l_quantity": "decimal(15,2)", "l_extendedprice": "decimal(15,2)", "l_discount": "decimal(15,2)",
    "l_tax": "decimal(15,2)", "l_returnflag": "char(1)", "l_linestatus": "char(1)", "l_shipdate": "date",
    "l_commitdate": "date", "l_receiptdate": "date", "l_shipinstruct": "varchar(25)", "l_shipmode": "varchar(10)",
    "l_comment": "varchar(44)",
}  # fmt: skip
KEY, NEWEST = ("l_orderkey", "l_linenumber"), "l_shipdate"
_NUMBERS = {name for name, kind in COLUMNS.items() if kind.startswith(("bigint", "integer", "decimal"))}
SMALL_FILES = 1000


def render(source: Path, form: str) -> Path:
    """The data in another form, beside the CSV: a file, or a folder of files for ``files``."""
    if form == "csv":
        return source
    path = source.with_name(f"{source.stem}.{form}")
    if path.exists():
        return path
    unfinished = path.with_name(f"{path.name}.part")
    if form == "csv.gz":
        with source.open("rb") as raw, gzip.open(unfinished, "wb", compresslevel=6) as packed:
            while content := raw.read(1 << 20):
                packed.write(content)
    elif form == "json":
        _write(unfinished, _json(source))
    elif form == "xml":
        _write(unfinished, _xml(source))
    elif form == "files":
        _files(source, path)
        return path
    else:
        _write(unfinished, _bad(source, float(form.removesuffix("pc.csv")) / 100))
    return unfinished.rename(path)


def _write(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(lines)


def _rows(source: Path) -> Iterator[dict[str, str]]:
    with source.open(encoding="utf-8") as lines:
        names = next(lines).rstrip("\n").split(",")
        for line in lines:
            *fields, comment = line.rstrip("\n").split(",", len(names) - 1)
            yield dict(zip(names, [*fields, comment.strip('"').replace('""', '"')], strict=True))


def _json(source: Path) -> Iterator[str]:
    for row in _rows(source):
        fields = (f'"{name}":{value if name in _NUMBERS else json.dumps(value)}' for name, value in row.items())
        yield "{" + ",".join(fields) + "}\n"


def _xml(source: Path) -> Iterator[str]:
    yield "<rows>\n"
    for row in _rows(source):
        yield "<row>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in row.items()) + "</row>\n"
    yield "</rows>\n"


def _bad(source: Path, share: float) -> Iterator[str]:
    """One row in so many has a date that is none."""
    chance = random.Random(1)  # noqa: S311 - no secret
    with source.open(encoding="utf-8") as lines:
        yield next(lines)
        for line in lines:
            yield line.replace("-", "/", 1) if chance.random() < share else line


def _files(source: Path, folder: Path) -> None:
    """The same lines in many files of the same length."""
    with source.open(encoding="utf-8") as lines:
        each = -(-(sum(1 for _ in lines) - 1) // SMALL_FILES)
    folder.mkdir()
    with source.open(encoding="utf-8") as lines:
        header = next(lines)
        for number in range(SMALL_FILES):
            (folder / f"{number:04}.csv").write_text(header + "".join(islice(lines, each)), encoding="utf-8")
