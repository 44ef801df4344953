"""Raw text to records: pure functions that know no Spark.

Every reader gives `Parsed` values. Spark's own readers of CSV, JSON and XML are not used because each loses something
in silence: what follows a broken quote, the digits of a number, the second of two equal keys, the only row of a file.
"""

from sluice.kernel.parse.parsed import BrokenFileError, MalformedRecordError, Parsed

__all__ = ["BrokenFileError", "MalformedRecordError", "Parsed"]
