"""COPY: which files go into which table, and how they are to be read.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html and the pages of its parameters;
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html (which parameters a columnar
COPY takes)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from localcloud.redshift.dialect.lexer import Kind
from localcloud.redshift.dialect.prepared import CopyCommand, Prepared, TextFormat, TextKind
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.errors import NotInStandInError, SqlError

#: What stands without a value and says how texts become values.
_FLAGS = frozenset(
    {
        "acceptanydate", "blanksasnull", "emptyasnull", "escape", "ignoreblanklines", "removequotes", "roundec",
        "trimblanks", "truncatecolumns", "noload", "ignoreallerrors",
    }
)  # fmt: skip
_COMPRESSIONS = frozenset({"gzip", "bzip2", "zstd"})
#: Redshift has them, and a local load has no need of them.
_NOT_HERE = frozenset(
    {
        "serializetojson", "explicit_ids", "avro", "orc", "shapefile", "lzop", "encrypted", "master_symmetric_key",
        "ssh", "readratio", "template",
    }
)  # fmt: skip
#: What a columnar COPY takes.
_COLUMNAR = frozenset({"manifest", "fillrecord", "statupdate", "iam_role", "format", "credentials", "acceptinvchars"})
_ENCODINGS = {"utf8": "utf-8", "utf16": "utf-16", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "iso88591": "latin-1"}
_MOST_ERRORS = 100_000
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+(,arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+)*")
_ROLE_CREDENTIALS = re.compile(r"aws_iam_role=(.+)", re.DOTALL)
_SPECIAL = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "N": "\\N"}
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)
_WIDTH = re.compile(r"\s*[^:,]+:\s*(\d+)\s*")


class _Options:
    """The options of one COPY as they are read."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.text = TextFormat()
        self.role = ""
        self.role_error: SqlError | None = None
        self.is_parquet = self.is_manifest = self.fills_record = False
        #: The names of the options that were used, in order.
        self.used: list[str] = []
        self._readers: dict[str, Callable[[], None]] = {
            "iam_role": self._iam_role,
            "credentials": self._credentials,
            "format": self._format,
            "csv": self._csv,
            "json": self._json,
            "fixedwidth": self._fixed_width,
            "delimiter": lambda: self._set(delimiter=self._one_character("DELIMITER")),
            "quote": lambda: self._set(quote=self._one_character("QUOTE")),
            "null": lambda: self._set(null=self._text()),
            "ignoreheader": lambda: self._set(skipped=self._number("IGNOREHEADER")),
            "maxerror": lambda: self._set(most_errors=self._number("MAXERROR", _MOST_ERRORS)),
            "dateformat": lambda: self._set(date_format=self._text()),
            "timeformat": lambda: self._set(time_format=self._text()),
            "acceptinvchars": self._accept_invalid,
            "encoding": self._encoding,
            "region": lambda: self._ignore(self._text()),
            "statupdate": self._switch,
            "compupdate": self._switch,
            "comprows": lambda: self._ignore(str(self._number("COMPROWS"))),
            "manifest": self._manifest,
            "fillrecord": self._fill_record,
        }

    def read(self) -> None:
        """Read all that is left of the statement."""
        while not self.reader.at_end:
            token = self.reader.next()
            if token.key in {"access_key_id", "secret_access_key", "session_token", "with"}:
                raise NotInStandInError("COPY with CREDENTIALS or access keys (use IAM_ROLE)")
            if token.key in _NOT_HERE:
                raise NotInStandInError(f"COPY with {token.text.upper()}")
            self.used.append(token.key)
            if token.key in _FLAGS:
                self._set(flags=self.text.flags | {token.key})
            elif token.key in _COMPRESSIONS:
                self._set(compression=token.key)
            elif token.key in self._readers:
                self._readers[token.key]()
            else:
                raise SqlError(f'syntax error at or near "{token.text}"')

    def check(self) -> None:
        """Look whether the options go together.

        Raises:
            SqlError: they do not.
        """
        twice = {name for name in self.used if self.used.count(name) > 1}
        if twice:
            raise SqlError("conflicting or redundant options", f"{min(twice).upper()} is there twice")
        if self.is_parquet:
            odd = [name for name in self.used if name not in _COLUMNAR]
            if odd:
                raise SqlError(f"{odd[0].upper()} argument is not supported for PARQUET based COPY")
            return
        kinds = [name for name in ("csv", "json", "fixedwidth") if name in self.used]
        if len(kinds) > 1 or len(_COMPRESSIONS & set(self.used)) > 1:
            raise SqlError("conflicting or redundant options", " and ".join(map(str.upper, kinds)))
        excluded = {
            TextKind.CSV: {"removequotes", "escape"},
            TextKind.FIXED: {"delimiter", "escape", "removequotes"},
            TextKind.JSON: {"delimiter", "escape", "removequotes", "fillrecord", "ignoreheader", "ignoreblanklines"},
            TextKind.DELIMITED: {"quote"},
        }[self.text.kind]
        for name in self.used:
            if name in excluded:
                raise SqlError(f"{name.upper()} option is not supported for {self.text.kind.upper()} based COPY")

    def _set(self, **changes: object) -> None:
        self.text = replace(self.text, **changes)  # type: ignore[arg-type]  # each name is a field

    def _ignore(self, _value: str) -> None:
        """What has no meaning on one machine is read and left."""

    def _text(self) -> str:
        self.reader.take("as")
        token = self.reader.peek()
        if token is None or token.kind is not Kind.STRING:
            raise self.reader.error()
        return unescaped(self.reader.next().text)

    def _number(self, name: str, most: int = 2**31 - 1) -> int:
        self.reader.take("as")
        token = self.reader.peek()
        number = int(self._text()) if token is not None and token.kind is Kind.STRING else self.reader.integer()
        if not 0 <= number <= most:
            raise SqlError(f"Invalid {name} value {number}: it must be from 0 to {most}")
        return number

    def _one_character(self, name: str) -> str:
        text = self._text()
        if len(text) != 1:
            raise SqlError(f"COPY {name.lower()} must be a single character")
        return text

    def _iam_role(self) -> None:
        self.role = "default"
        try:
            self.role = read_role(self.reader)
        except SqlError as error:
            # What the stand-in cannot do at all is said first.
            self.role_error = error

    def _credentials(self) -> None:
        found = _ROLE_CREDENTIALS.fullmatch(self._text())
        if found is None:
            raise NotInStandInError("COPY with CREDENTIALS or access keys (use IAM_ROLE)")
        self.role = found[1]
        if _ROLE.fullmatch(self.role) is None:
            self.role_error = SqlError(f"Invalid IAM role ARN: {self.role}")

    def _format(self) -> None:
        self.reader.take("as")
        if self.reader.take("parquet"):
            self.is_parquet = True
            return
        token = self.reader.peek()
        if token is None or token.key not in {"csv", "json", "delimiter", "fixedwidth"}:
            raise NotInStandInError(f"COPY with FORMAT {self.reader.next().text.upper()}")

    def _csv(self) -> None:
        delimiter = self.text.delimiter if "delimiter" in self.used else ","
        self._set(kind=TextKind.CSV, delimiter=delimiter)

    def _json(self) -> None:
        self.reader.take("as")
        token = self.reader.peek()
        paths = self._text() if token is not None and token.kind is Kind.STRING else "auto"
        if paths == "noshred":
            raise NotInStandInError("COPY with JSON 'noshred'")
        if paths not in {"auto", "auto ignorecase"} and not paths.startswith("s3://"):
            raise SqlError(f"Invalid JSONPaths file: {paths}")
        self._set(kind=TextKind.JSON, paths=paths)

    def _fixed_width(self) -> None:
        parts = [_WIDTH.fullmatch(part) for part in self._text().split(",")]
        if not all(parts):
            raise SqlError("Invalid fixed-width specification: it is 'column:width, column:width, ...'")
        self._set(kind=TextKind.FIXED, widths=tuple(int(part[1]) for part in parts if part is not None))

    def _accept_invalid(self) -> None:
        self.reader.take("as")
        token = self.reader.peek()
        character = self._one_character("ACCEPTINVCHARS") if token and token.kind is Kind.STRING else "?"
        self._set(replacement=character)

    def _encoding(self) -> None:
        self.reader.take("as")
        token = self.reader.next()
        name = (token.value if token.kind is Kind.STRING else token.text).lower().replace("-", "").replace("_", "")
        if name not in _ENCODINGS:
            raise SqlError(f"Invalid ENCODING {token.text}")
        self._set(encoding=_ENCODINGS[name])

    def _switch(self) -> None:
        for word in ("on", "off", "true", "false", "preset"):
            if self.reader.take(word):
                return

    def _manifest(self) -> None:
        self.is_manifest = True

    def _fill_record(self) -> None:
        self.fills_record = True


def unescaped(literal: str) -> str:
    r"""Give the characters that a string literal of an option means: ``'\t'``, ``'\001'``, ``'\\'``; ``'\N'`` stays."""

    def character(found: re.Match[str]) -> str:
        text = found[1]
        return chr(int(text, 8)) if text[0] in "01234567" else _SPECIAL.get(text, text)

    return _ESCAPE.sub(character, literal[1:-1].replace("''", "'"))


def copy(sql: str) -> Prepared:
    """Prepare COPY.

    Raises:
        SqlError: parameters that do not go together or with the format, or no credentials.
    """
    reader = Reader(sql)
    reader.expect("copy")
    table = reader.table()
    columns = reader.names() if reader.looks_at("(") else ()
    reader.expect("from")
    source = reader.string()
    if not source.startswith("s3://"):
        raise NotInStandInError(f"COPY from {source.split(':', 1)[0]}")
    options = _Options(reader)
    options.read()
    if not options.role:
        raise SqlError("COPY needs credentials: IAM_ROLE default or IAM_ROLE 'arn'")
    options.check()
    if options.role_error is not None:
        raise options.role_error
    text = None if options.is_parquet else options.text
    command = CopyCommand(table, columns, source, options.is_manifest, options.fills_record, options.role, text)
    return Prepared("copy", copy=command)


def read_role(reader: Reader, *, may_be_session: bool = False) -> str:
    """Read what follows IAM_ROLE: ``default``, or one ARN or a chain of them without spaces.

    Args:
        reader: stands behind the word.
        may_be_session: whether ``'SESSION'`` is allowed.

    Raises:
        SqlError: it is neither.
    """
    if reader.take("default"):
        return "default"
    role = reader.string()
    if _ROLE.fullmatch(role) is None and not (may_be_session and role == "SESSION"):
        raise SqlError(f"Invalid IAM role ARN: {role}")
    return role
