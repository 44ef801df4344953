"""What a failure means: one table that every part judges by.

A failure is *final* only for a cause that cannot change by itself. Everything that no rule knows is of the world, and
is tried again. A raw file is blamed only for a cause that is certainly its own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a failure is a failure of.

    Attributes:
        WORLD: Something that the run depends on is away, busy, throttled or full: it passes.
        RUN: The run itself was lost or ran out of room; another one, of fewer batches, may succeed.
        FILE: The raw file that was being read: its bytes are not what its name or its contract says.
        FINAL: Another run does the same and ends the same.
    """

    WORLD = "world"
    RUN = "run"
    FILE = "file"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table.

    Attributes:
        verdict: What a failure with the mark is a failure of.
        pattern: The mark, a regular expression that ignores case.
        meaning: What happened, for people.
    """

    verdict: Verdict
    pattern: str
    meaning: str

    def knows(self, text: str) -> bool:
        """Whether the text has the mark."""
        return re.search(self.pattern, text, re.IGNORECASE | re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Sign:
    """One exception of a chain.

    Attributes:
        name: Its class without package.
        text: Its own message.
    """

    name: str
    text: str = ""


_W, _R, _F, _X = Verdict.WORLD, Verdict.RUN, Verdict.FILE, Verdict.FINAL

SPARK_TEXTS = (
    Rule(_R, r"ExecutorLostFailure|executor lost|exit (code|status):? ?\(?(137|143)\b", "a worker was lost"),
    Rule(_R, r"container (killed|marked as failed|released)|killed by external signal", "a worker was taken away"),
    Rule(_R, r"FetchFailed|MetadataFetchFailed|missing an output location for shuffle", "a worker's results were lost"),
    Rule(_R, r"no space left on device|\bENOSPC\b", "a worker's disk was full"),
    Rule(_R, r"OutOfMemory|java heap space|GC overhead limit", "a worker had no memory left"),
    Rule(_R, r"heartbeat timed out|SparkContext was (shut|stopped)", "the driver lost its workers"),
    Rule(_R, r"python worker (exited|crashed|failed to connect)", "a worker's Python was lost"),
)
"""What Spark's own message says where the class is a bare `SparkException`, as it is for every lost worker."""

SPARK_CLASSES = (
    Rule(_R, r"OutOfMemory|ExecutorLost|FetchFailed|NoSpaceLeft|DiskError", "a worker was lost or had no room"),
    Rule(_W, r"Timeout|TimedOut|Connect|Socket|UnknownHost|NoRouteToHost|^SSL|NoHttpResponse", "the network"),
    Rule(_W, r"SlowDown|Throttl|ServiceUnavailable|^AWS|AmazonS3Exception|S3Exception|HttpChannelEOF", "S3"),
    Rule(_W, r"Credentials|ExpiredToken|InterruptedIO|^EOFException\Z", "the connection to S3"),
    Rule(_F, r"^ZipException\Z|^DataFormatException\Z", "its compressed data are damaged"),
    Rule(
        _F,
        r"Parquet(Decoding|Corrupt)|^TProtocolException\Z|^InvalidSchemaException\Z|^ParquetCryptoRuntime",
        "no readable Parquet",
    ),
    Rule(
        _F, r"^MalformedInputException\Z|^UnmappableCharacter|^CharacterCodingException\Z", "its text is not decodable"
    ),
    Rule(_X, r"^PythonException\Z|^AnalysisException\Z|^ParseException\Z", "the program"),
)

SPARK_FILE_TEXTS = (
    Rule(_F, r"unexpected end of (ZLIB )?input stream", "its compressed data end too early"),
    Rule(_F, r"incorrect header check|not a gzip file|not in gzip format", "no gzip file"),
    Rule(
        _F, r"invalid (stored block|block type|distance|literal|code lengths)|incorrect data check", "damaged gzip data"
    ),
    Rule(_F, r"stream is not bzip2|bad block header|block crc|crc error", "no intact bzip2 file"),
    Rule(_F, r"is not a Parquet file|expected magic number|corrupt(ed)? (footer|page|file)", "no readable Parquet"),
    Rule(
        _F,
        r"could not read page|can('|no)t read page|failed to decompress|malformed.{0,40}(thrift|footer)",
        "damaged Parquet",
    ),
    Rule(
        _F,
        r"illegal Parquet type|unsupported (encoding|codec)|PARQUET_(TYPE_ILLEGAL|CONVERSION)",
        "unsupported Parquet",
    ),
)
"""What the innermost exception says of the bytes that it read; Hadoop's codecs throw bare `IOException`."""


def judge_spark(chain: Iterable[Sign]) -> Verdict:
    """What a failure of a Spark job is a failure of.

    Anything that passes decides, wherever in the chain it stands. A file is blamed only where no other exception of the
    chain speaks of anything else, and the innermost one speaks of its bytes.

    Args:
        chain: The exception and its causes, the outermost first.

    Returns:
        The verdict; `WORLD` when no rule knows the failure.
    """
    signs = tuple(chain)
    if not signs:
        return Verdict.WORLD
    root = signs[-1]
    is_ours = any(sign.name == "PythonException" for sign in signs)
    speaks_of_bytes = any(rule.knows(root.text) for rule in SPARK_FILE_TEXTS)
    if speaks_of_bytes and not is_ours and not any(_passing(sign) for sign in signs[:-1]):
        return Verdict.FILE
    for sign in signs:
        passing = _passing(sign)
        if passing is not None:
            return passing
    for rule in SPARK_CLASSES:
        if any(rule.knows(sign.name) for sign in reversed(signs)):
            return rule.verdict
    return Verdict.WORLD


def _passing(sign: Sign) -> Verdict | None:
    by_text = (rule.verdict for rule in SPARK_TEXTS if rule.knows(sign.text))
    by_class = (rule.verdict for rule in SPARK_CLASSES if rule.verdict in {_W, _R} and rule.knows(sign.name))
    return next(by_text, next(by_class, None))
