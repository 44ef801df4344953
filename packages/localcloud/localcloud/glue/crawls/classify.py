"""What a file is: the built-in classifiers of Parquet, JSON, XML and CSV, in Glue's order.

Source: https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html
"""

from __future__ import annotations

import bz2
import zlib
from typing import TYPE_CHECKING

from localcloud.glue.crawls.csv_rules import read_csv
from localcloud.glue.crawls.found import Classified, Form, S3File
from localcloud.glue.crawls.json_rules import read_json
from localcloud.glue.crawls.parquet_footer import read_parquet
from localcloud.glue.crawls.xml_rules import read_xml

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SAMPLE_BYTES = 1 << 20
"""How much of a text is looked at; AWS documents no number."""
MAX_XML_BYTES = 64 << 20
_PARQUET = b"PAR1"
_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_MARK = "\ufeff"


def classify(s3: S3Client, file: S3File) -> Classified | None:
    """Find out what a file is; None when no classifier knows it.

    Raises:
        ClientError: S3 refuses.
    """
    start = _get(s3, file, min(file.size_bytes, SAMPLE_BYTES))
    if start.startswith(_PARQUET):
        columns = read_parquet(s3, file)
        return None if columns is None else Classified(file, Form("parquet"), columns)
    is_whole = len(start) >= file.size_bytes
    if _is_xml(_unpacked(start)[0]) and not is_whole and file.size_bytes <= MAX_XML_BYTES:
        start, is_whole = _get(s3, file, file.size_bytes), True
    return classify_text(file, start, is_whole=is_whole)


def classify_text(file: S3File, start: bytes, *, is_whole: bool) -> Classified | None:
    """Find out what a text is, which may be compressed.

    Args:
        file: the object.
        start: its first bytes.
        is_whole: whether they are all.
    """
    content, compression = _unpacked(start)
    if _is_xml(content):
        found = read_xml(content)
        if found is None:
            return None
        return Classified(file, Form("xml", compression, (("rowTag", found[1]),)), found[0])
    text = _text(content, is_whole=is_whole)
    if text is None:
        return None
    if text.lstrip()[:1] in ("{", "["):
        columns = read_json(text, is_whole=is_whole)
        if columns is not None:
            return Classified(file, Form("json", compression), columns)
    table = read_csv(text if is_whole else text.rpartition("\n")[0])
    if table is None:
        return None
    columns, details, has_names = table
    return Classified(file, Form("csv", compression, tuple(details.items()), has_names), columns)


def _get(s3: S3Client, file: S3File, size_bytes: int) -> bytes:
    span = f"bytes=0-{size_bytes - 1}"
    content: bytes = s3.get_object(Bucket=file.bucket, Key=file.key, Range=span)["Body"].read()
    return content


def _unpacked(content: bytes) -> tuple[bytes, str]:
    """The bytes of what may be the start of a compressed file, and the compression."""
    try:
        if content.startswith(_GZIP):
            return zlib.decompressobj(wbits=31).decompress(content), "gzip"
        if content.startswith(_BZIP2):
            return bz2.BZ2Decompressor().decompress(content), "bzip2"
    except (OSError, zlib.error):
        return b"\0", "none"  # damaged: no classifier knows it
    return content, "none"


def _is_xml(content: bytes) -> bool:
    return content.removeprefix(_MARK.encode()).lstrip()[:1] == b"<"


def _text(content: bytes, *, is_whole: bool) -> str | None:
    if b"\0" in content:
        return None
    text = content.decode("utf-8-sig", errors="replace")
    # A letter that is cut off at the end of the sample is no reason to take another encoding.
    broken = text[:-1] if not is_whole else text
    return content.decode("latin-1") if "\ufffd" in broken else text
