"""UNLOAD: which query goes to which address, and in what form.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import StrEnum

from localcloud.redshift.dialect.copy_command import read_role
from localcloud.redshift.dialect.lexer import Kind, Token, quote_text, tokenize
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.dialect.rewrite import rewrite
from localcloud.redshift.errors import NotInStandInError, SqlError

_MB = 1024 * 1024
_LEAST_FILE, _MOST_FILE = 5 * _MB, int(6.2 * 1024 * _MB)
_COMPRESSIONS = {"gzip": ".gz", "bzip2": ".bz2", "zstd": ".zst"}
_NOT_HERE = frozenset({"fixedwidth", "kms_key_id", "master_symmetric_key"})


class Form(StrEnum):
    """The forms of files, as the system views name them."""

    TEXT = "Text"
    CSV = "CSV"
    JSON = "JSON"
    PARQUET = "Parquet"


#: What a form cannot be combined with.
_EXCLUDED: dict[Form, frozenset[str]] = {
    Form.TEXT: frozenset(),
    Form.CSV: frozenset({"ADDQUOTES", "ESCAPE"}),
    Form.JSON: frozenset({"DELIMITER", "HEADER", "ADDQUOTES", "ESCAPE", "NULL AS"}),
    Form.PARQUET: frozenset({"DELIMITER", "HEADER", "ADDQUOTES", "ESCAPE", "NULL AS", "GZIP", "BZIP2", "ZSTD"}),
}


@dataclass
class UnloadCommand:
    """One UNLOAD.

    Attributes:
        target: ``s3://bucket/prefix`` of the files.
        role: that writes them: ``default``, or an ARN, or several of a chain.
        compression: the ending of the compressed files; empty when they are not.
        null: what stands for a null.
        keys: the columns that name folders.
        includes_keys: whether the files have them too.
        is_manifest: whether a manifest lists the files.
        most_bytes: of a file.
        extension: of the files, instead of that of their form.
    """

    target: str
    role: str = ""
    form: Form = Form.TEXT
    delimiter: str = ""
    compression: str = ""
    null: str = ""
    keys: tuple[str, ...] = ()
    extension: str | None = None
    includes_keys: bool = False
    is_manifest: bool = False
    is_verbose: bool = False
    has_header: bool = False
    has_quotes: bool = False
    escapes: bool = False
    overwrites: bool = False
    cleans: bool = False
    is_parallel: bool = True
    most_bytes: int = _MOST_FILE


def unloaded_query(sql: str) -> Token | None:
    """Give the token that is the query of an UNLOAD; None for any other statement."""
    tokens = tokenize(sql)
    if len(tokens) < 3 or tokens[0].key != "unload" or tokens[1].key != "(":
        return None
    return tokens[2] if tokens[2].kind in {Kind.STRING, Kind.BODY} else None


def with_query(sql: str, token: Token, query: str) -> str:
    """Give an UNLOAD with another query in the place of a token."""
    return sql[: token.start] + quote_text(query) + sql[token.end :]


def unload(sql: str) -> Prepared:
    """Prepare UNLOAD.

    Raises:
        SqlError: options that do not go together, no credentials, or a query that is none or has LIMIT.
    """
    token = unloaded_query(sql)
    reader = Reader(sql)
    reader.expect("unload", "(")
    if token is None:
        raise reader.error()
    reader.next()
    reader.expect(")", "to")
    target = reader.string()
    if not target.startswith("s3://"):
        raise SqlError(f"Invalid S3 path: {target}")
    command = UnloadCommand(target)
    used: set[str] = set()
    while not reader.at_end:
        name = _option(reader, command)
        if name in used:
            raise SqlError(f"conflicting or redundant options: {name} is there twice")
        used.add(name)
    _check(command, used)
    return Prepared("unload", (_query(token.value),), unload=command)


def _query(text: str) -> str:
    tokens = tokenize(text)
    if not tokens or tokens[0].key not in {"select", "with", "("}:
        raise SqlError("UNLOAD takes a query")
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.key, 0)
        if depth == 0 and token.key in {"limit", "top"}:
            raise SqlError("Limit clause is not supported", "UNLOAD takes LIMIT in a subquery only")
    return rewrite(text)


def _check(command: UnloadCommand, used: set[str]) -> None:
    if not command.role:
        raise SqlError("UNLOAD needs credentials: IAM_ROLE default or IAM_ROLE 'arn'")
    wrong = sorted(used & _EXCLUDED[command.form])
    if wrong:
        raise SqlError(f"{wrong[0]} is not supported for UNLOAD to {command.form.value.upper()}")
    if command.cleans and command.overwrites:
        raise SqlError("CLEANPATH and ALLOWOVERWRITE cannot be specified together")
    if len({"GZIP", "BZIP2", "ZSTD"} & used) > 1:
        raise SqlError("only one of GZIP, BZIP2 and ZSTD can be specified")
    if "ROWGROUPSIZE" in used and command.form is not Form.PARQUET:
        raise SqlError("ROWGROUPSIZE is supported for UNLOAD to PARQUET only")
    command.delimiter = command.delimiter or ("," if command.form is Form.CSV else "|")
    if command.keys and not command.target.endswith("/"):
        command.target += "/"


def _option(reader: Reader, command: UnloadCommand) -> str:
    """Read one option, and give its name."""
    if reader.take("format"):
        reader.take("as")
        return _form(reader, command)
    token = reader.next()
    key = token.key
    if key in {"csv", "parquet", "json"}:
        reader.position -= 1
        return _form(reader, command)
    if key in _COMPRESSIONS:
        command.compression = _COMPRESSIONS[key]
        return key.upper()
    if key in _FLAGS:
        setattr(command, _FLAGS[key], True)
        return key.upper()
    taken = _VALUES.get(key)
    if taken is None:
        raise _refusal(reader, token)
    taken(reader, command)
    return "NULL AS" if key == "null" else key.upper()


_FLAGS = {
    "header": "has_header",
    "addquotes": "has_quotes",
    "escape": "escapes",
    "allowoverwrite": "overwrites",
    "cleanpath": "cleans",
}


def _form(reader: Reader, command: UnloadCommand) -> str:
    for form in (Form.CSV, Form.PARQUET, Form.JSON):
        if reader.take(form.value.lower()):
            command.form = form
            return "FORMAT"
    raise reader.error()


def _role(reader: Reader, command: UnloadCommand) -> None:
    command.role = read_role(reader)


def _partitions(reader: Reader, command: UnloadCommand) -> None:
    reader.expect("by")
    command.keys = reader.names()
    command.includes_keys = reader.take("include")


def _manifest(reader: Reader, command: UnloadCommand) -> None:
    command.is_manifest, command.is_verbose = True, reader.take("verbose")


def _delimiter(reader: Reader, command: UnloadCommand) -> None:
    reader.take("as")
    text = reader.string()
    # A tab is written '\t', with one backslash or two.
    text = codecs.decode(text, "unicode_escape") if text.startswith("\\") else text
    if len(text) != 1 or not text.isascii():
        raise SqlError("COPY delimiter must be a single ASCII character")
    command.delimiter = text


def _null(reader: Reader, command: UnloadCommand) -> None:
    reader.take("as")
    command.null = reader.string()


def _parallel(reader: Reader, command: UnloadCommand) -> None:
    if reader.take("off") or reader.take("false"):
        command.is_parallel = False
    elif not reader.take("on"):
        reader.take("true")


def _file_size(reader: Reader, command: UnloadCommand) -> None:
    command.most_bytes = _size(reader)
    if not _LEAST_FILE <= command.most_bytes <= _MOST_FILE:
        raise SqlError("MAXFILESIZE must be between 5 MB and 6.2 GB")


def _group_size(reader: Reader, _: UnloadCommand) -> None:
    if not 32 * _MB <= _size(reader) <= 128 * _MB:
        raise SqlError("ROWGROUPSIZE must be between 32 MB and 128 MB")


def _size(reader: Reader) -> int:
    reader.take("as")
    token = reader.next()
    try:
        number = float(token.text)
    except ValueError:
        raise SqlError(f'syntax error at or near "{token.text}"') from None
    if reader.take("gb"):
        return int(number * 1024 * _MB)
    reader.take("mb")
    return int(number * _MB)


def _region(reader: Reader, _: UnloadCommand) -> None:
    # Buckets of this machine are all in reach.
    reader.take("as")
    reader.string()


def _extension(reader: Reader, command: UnloadCommand) -> None:
    command.extension = reader.string()


def _encrypted(reader: Reader, _: UnloadCommand) -> None:
    # Files lie here as they are; with a key that the statement names it is refused.
    reader.take("auto")


_VALUES = {
    "iam_role": _role,
    "partition": _partitions,
    "manifest": _manifest,
    "delimiter": _delimiter,
    "null": _null,
    "parallel": _parallel,
    "maxfilesize": _file_size,
    "rowgroupsize": _group_size,
    "region": _region,
    "extension": _extension,
    "encrypted": _encrypted,
}


def _refusal(reader: Reader, token: Token) -> SqlError:
    if token.key in _NOT_HERE:
        return NotInStandInError(f"UNLOAD with {token.text.upper()}")
    if token.key in {"credentials", "access_key_id", "with"}:
        return NotInStandInError("UNLOAD with CREDENTIALS or access keys", "IAM_ROLE")
    reader.position -= 1
    return reader.error()
