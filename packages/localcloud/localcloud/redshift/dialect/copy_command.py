"""COPY, as far as loading Parquet from S3 goes.

Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html (which parameters a
columnar COPY takes) and https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from localcloud.redshift.dialect.prepared import CopyCommand, Prepared
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.errors import NotInStandInError, SqlError

_OTHER_FORMATS = frozenset({"csv", "json", "avro", "orc", "shapefile", "delimiter", "fixedwidth"})
#: Documented for columnar files, but beyond what a local load needs.
_NOT_HERE = frozenset({"serializetojson", "explicit_ids", "acceptinvchars"})
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+(,arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+)*")


@dataclass
class _Options:
    is_parquet: bool = False
    is_manifest: bool = False
    fills_record: bool = False
    role: str = ""
    role_error: SqlError | None = None


def copy(sql: str) -> Prepared:
    """Prepare COPY.

    Raises:
        SqlError: a parameter that a columnar COPY does not take, or no credentials.
    """
    reader = Reader(sql)
    reader.expect("copy")
    table = reader.table()
    columns = reader.names() if reader.looks_at("(") else ()
    reader.expect("from")
    source = reader.string()
    if not source.startswith("s3://"):
        raise NotInStandInError(f"COPY from {source.split(':', 1)[0]}")
    options = _Options()
    while not reader.at_end:
        _option(reader, options)
    if not options.role:
        raise SqlError("COPY needs credentials: IAM_ROLE default or IAM_ROLE 'arn'")
    if not options.is_parquet:
        raise NotInStandInError("COPY in a format other than PARQUET")
    if options.role_error is not None:
        raise options.role_error
    command = CopyCommand(table, columns, source, options.is_manifest, options.fills_record, options.role)
    return Prepared("copy", copy=command)


def _option(reader: Reader, options: _Options) -> None:
    if reader.take("iam_role"):
        _authorize(reader, options)
    elif reader.take("format"):
        reader.take("as")
        _format(reader, options)
    elif reader.take("manifest"):
        options.is_manifest = True
    elif reader.take("fillrecord"):
        options.fills_record = True
    elif reader.take("statupdate"):
        if not (reader.take("on") or reader.take("off") or reader.take("true")):
            reader.take("false")
    else:
        raise _refusal(reader)


def _authorize(reader: Reader, options: _Options) -> None:
    options.role = "default"
    try:
        options.role = read_role(reader)
    except SqlError as error:
        # What the stand-in cannot do at all is said first.
        options.role_error = error


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


def _format(reader: Reader, options: _Options) -> None:
    if reader.take("parquet"):
        options.is_parquet = True
    else:
        raise NotInStandInError(f"COPY with FORMAT {reader.next().text.upper()}")


def _refusal(reader: Reader) -> SqlError:
    word = reader.next()
    if word.key in _NOT_HERE or word.key in _OTHER_FORMATS:
        return NotInStandInError(f"COPY with {word.text.upper()}")
    if word.key in {"credentials", "access_key_id", "with"}:
        return NotInStandInError("COPY with CREDENTIALS or access keys (use IAM_ROLE)")
    if word.is_name and not any(token.key == "parquet" for token in reader.tokens):
        return NotInStandInError("COPY in a format other than PARQUET")
    if word.is_name:
        return SqlError(f"{word.text.upper()} argument is not supported for PARQUET based COPY")
    return SqlError(f'syntax error at or near "{word.text}"')
