"""Shape of the quarantine: records, and whole files, that broke the contract. One table ``<dataset>_quarantine`` each.

The rows lie in the processed bucket in the folders of the table's partitions, as those of a published table do.
"""

from typing import Literal

Kind = Literal["record", "file"]

QUARANTINE_COLUMNS: dict[str, str] = {
    "batch_id": "string",
    "source_file": "string",
    "kind": "string",
    "reasons": "array<string>",
    "raw_text": "string",
    "record": "string",
    "quarantined_at": "timestamp",
}
"""Catalog (and Spark) type of each column, in the order of the Parquet files.

``kind`` is ``record`` for one record and ``file`` for a file that is not well-formed as a whole. ``raw_text`` is the
text as the source wrote it (of a file: its first 64 KiB). ``record`` is the record's raw values as JSON, null where the
text could not be read.
"""

MAX_FILE_TEXT_BYTES = 64 * 1024
"""How much of a quarantined file is kept as `raw_text`."""
