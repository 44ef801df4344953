"""From sample files to a contract: read, observe, then choose formats, names, keys and types."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path as FilePath
from typing import Final, Protocol

from sluice.contract import Contract, CsvSource, JsonSource, ParquetSource, Source, SqlType, XmlSource, rules
from sluice.errors import SampleError
from sluice.infer.csv_samples import CsvRecords, dialect_of
from sluice.infer.draft import Draft
from sluice.infer.folders import folders_of
from sluice.infer.json_samples import JsonRecords
from sluice.infer.observed import ColumnSample, Observed, Path, TableSample, Tree
from sluice.infer.opened import ASCII, Sample, sample_of
from sluice.infer.tables import tables_of
from sluice.infer.trial import tried
from sluice.infer.xml_samples import XmlRecords, row_tag_of

DEFAULT_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Options:
    """How samples are looked at.

    Attributes:
        layout: Folder layout of the raw files; None to find it in the samples' paths.
        rows: Records of each file that are looked at, at most.
        header: Whether the first record of CSV names the columns; None to find out.
    """

    layout: str | None = None
    rows: int = DEFAULT_ROWS
    header: bool | None = None


class _Records(Protocol):
    """The records of one file, whatever its format."""

    @property
    def malformed(self) -> int:
        """Records that could not be read."""

    @property
    def sample(self) -> Sample:
        """The file."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What came of looking at all files.

    Attributes:
        source: The contract's source.
        observed: What the records showed.
        malformed: Records that could not be read.
        notes: What to say about the source's fields.
        has_names: Whether the source names its values.
    """

    source: Source
    observed: Observed
    malformed: int
    notes: Mapping[str, tuple[str, ...]]
    has_names: bool = True


def infer(dataset: str, files: Sequence[FilePath], options: Options) -> Draft:
    """Guess a contract.

    Args:
        dataset: Name of the dataset.
        files: Samples of its raw files, all of one kind.
        options: How to look at them.

    Raises:
        SampleError: A sample cannot be read, the samples are not of one kind, or no contract describes them.
    """
    samples = _alike([sample_of(path) for path in files])
    folders = folders_of(dataset, files, options.layout)
    looked = _LOOKS[samples[0].format](samples, folders.layout, options)
    looked.observed.settle()
    drafted = tables_of(dataset, looked.observed, has_names=looked.has_names)
    if not drafted:
        raise SampleError(f"{samples[0].path}: no value of its records can be a column")
    words = _null_words(looked.observed)
    contract = Contract(dataset, looked.source, tuple(part.table for part in drafted), null_values=words)
    problems = rules.problems(contract)
    if problems:
        raise SampleError("\n".join(problems))
    return Draft(
        contract,
        head=(*_head(looked, len(files)), tried(contract, files, options.rows)),
        source={"layout": (f"Folders: {folders.why}.",), **looked.notes},
        null_values=(f"Texts that mean null, as seen in the samples: {', '.join(words[1:])}.",),
        tables={part.table.name: part.notes for part in drafted},
    )


def _head(looked: _Looked, files: int) -> tuple[str, ...]:
    rows = looked.observed.records.rows
    seen = f"{rows} record{'' if rows == 1 else 's'} of {files} file{'' if files == 1 else 's'}"
    broken = f", beside {looked.malformed} that could not be read" if looked.malformed else ""
    return (f"Guessed by `sluice contract new` from {seen}{broken}.", "Check what the comments say, then delete them.")


def _null_words(observed: Observed) -> tuple[str, ...]:
    words = {
        word
        for table in (observed.records, *observed.arrays.values())
        for column in table.columns.values()
        for word in column.values.words
    }
    return ("", *sorted(words - {""}))


def _alike(samples: Sequence[Sample]) -> list[Sample]:
    """The samples with one encoding for all.

    Raises:
        SampleError: They differ in what a contract says once for all files.
    """
    first = samples[0]
    encodings = [sample for sample in samples if sample.encoding != ASCII]
    for sample in samples:
        for what, ours, theirs in (
            ("format", first.format, sample.format),
            ("compression", first.compression, sample.compression),
        ):
            if ours != theirs:
                raise SampleError(
                    f"{sample.path}: has {what} {theirs}, but {first.path} has {ours}; a contract has one"
                )
    for sample in encodings if first.format != "xml" else ():
        if sample.encoding != encodings[0].encoding:
            raise SampleError(
                f"{sample.path}: has encoding {sample.encoding}, but {encodings[0].path} has {encodings[0].encoding}; "
                "a contract has one"
            )
    encoding = encodings[0].encoding if encodings else "UTF-8"
    return [replace(sample, encoding=encoding) for sample in samples]


def _observe(observed: Observed, records: _Records, trees: Iterator[Mapping[str, Tree]], rows: int) -> int:
    """Take a file's first records into account.

    Returns:
        How many could not be read.

    Raises:
        SampleError: There are none.
    """
    before = observed.records.rows
    for tree in islice(trees, rows):
        observed.add(tree)
    if observed.records.rows == before:
        why = f"; {records.malformed} could not be read" if records.malformed else ""
        reason = getattr(records, "why_malformed", "")
        why += f": {reason}" if reason else ""
        raise SampleError(f"{records.sample.path}: holds no records{why}")
    return records.malformed


def _look_at_csv(samples: Sequence[Sample], layout: str, options: Options) -> _Looked:
    dialects = [dialect_of(sample, options.header) for sample in samples]
    dialect = max(dialects, key=lambda found: (found.quote != '"', found.escape != found.quote))
    for sample, found in zip(samples, dialects, strict=True):
        if (found.delimiter, found.header, found.skip_lines) != (dialect.delimiter, dialect.header, dialect.skip_lines):
            raise SampleError(
                f"{sample.path}: is delimited by {found.delimiter!r} {_with_header(found.header)}, but other files by "
                f"{dialect.delimiter!r} {_with_header(dialect.header)}; a contract has one form"
            )
    observed, malformed = Observed(is_flat=True), 0
    for sample in samples:
        records = CsvRecords(sample, dialect)
        malformed += _observe(observed, records, records.read(), options.rows)
    source = CsvSource(
        layout,
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        escape=dialect.escape,
        header=dialect.header,
        encoding=samples[0].encoding,
        compression=samples[0].compression,
        skip_lines=dialect.skip_lines,
        skip_initial_space=dialect.skip_initial_space,
        escape_unquoted=dialect.escape_unquoted,
    )
    why = "The first record is a record like the others, so columns are taken by their place; give them names."
    notes = {} if dialect.header else {"header": (why,)}
    return _Looked(source, observed, malformed, notes, has_names=dialect.header)


def _with_header(has_header: bool) -> str:
    return "with a header" if has_header else "without a header"


def _look_at_json(samples: Sequence[Sample], layout: str, options: Options) -> _Looked:
    observed, malformed = Observed(), 0
    form = JsonRecords(samples[0]).form()
    for sample in samples:
        records = JsonRecords(sample)
        if records.form() != form:
            raise SampleError(
                f"{sample.path}: is of {records.form()}, but {samples[0].path} of {form}; a contract has one"
            )
        malformed += _observe(observed, records, records.read(), options.rows)
    source = JsonSource(layout, records=form, encoding=samples[0].encoding, compression=samples[0].compression)
    return _Looked(source, observed, malformed, {})


def _look_at_xml(samples: Sequence[Sample], layout: str, options: Options) -> _Looked:
    observed, repeated = Observed(is_xml=True), set[Path]()
    row_tag = row_tag_of(samples[0])
    files = [XmlRecords(sample, row_tag) for sample in samples]
    for records in files:
        for element in islice(records.elements(), options.rows):
            repeated |= records.repeated(element)
    for records in files:
        trees = (records.tree(element, frozenset(repeated)) for element in records.elements())
        _observe(observed, records, trees, options.rows)
    notes = {"row_tag": ("The element that is repeated nearest to the root.",)}
    return _Looked(XmlSource(layout, row_tag, compression=samples[0].compression), observed, 0, notes)


def _look_at_parquet(samples: Sequence[Sample], layout: str, options: Options) -> _Looked:
    try:
        from sluice.infer.parquet_samples import ParquetRecords, wider  # noqa: PLC0415 - needs an optional library
    except ModuleNotFoundError as exc:
        raise SampleError(
            f"{samples[0].path}: reading Parquet needs the library {exc.name}: pip install 'sluice[local]'"
        ) from exc
    observed, declared, as_json = Observed(), dict[tuple[Path, Path], SqlType](), dict[tuple[Path, Path], str]()
    files = Counter[tuple[Path, Path]]()
    for sample in samples:
        records = ParquetRecords(sample)
        _observe(observed, records, records.read(options.rows), options.rows)
        files.update([*records.types, *records.as_json])
        as_json |= records.as_json
        for place, sql_type in records.types.items():
            found = wider(declared.get(place, sql_type), sql_type)
            if found is None:
                name = ".".join((*place[0], *place[1]))
                raise SampleError(f"{sample.path}: {name} is {sql_type}, but {declared[place]} in another file")
            declared[place] = found
        observed.records.left_out |= records.left_out
    for array, path in [*declared, *as_json]:
        table = observed.arrays.setdefault(array, TableSample(array)) if array else observed.records
        if (array, path) in as_json:
            table.as_json[path] = as_json[array, path]
        else:  # In the order of the files, and even if every value was null.
            column = table.columns[path] = table.columns.pop(path, ColumnSample(path))
            column.declared = declared[array, path]
        if files[array, path] == len(samples):  # Null or not: the files have the column.
            table.present[path] = table.rows
            observed.records.present[array] = observed.records.rows
    return _Looked(ParquetSource(layout), observed, 0, {})


_LOOKS: Final[Mapping[str, Callable[[Sequence[Sample], str, Options], _Looked]]] = {
    "csv": _look_at_csv,
    "json": _look_at_json,
    "xml": _look_at_xml,
    "parquet": _look_at_parquet,
}
