"""What the world does while a file is read is never the file's fault: its rows are those of an undisturbed read, or
the failure reaches whoever asked, and nothing is published.
"""

import bz2
import gzip
import http.client
import io
import ssl
from collections.abc import Callable
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ConnectionClosedError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError
from urllib3.exceptions import ProtocolError

from sluice.contract import Contract, parse_contract
from sluice.errors import AwsBusyError
from sluice.failures import Verdict, verdict_of
from sluice.kernel.convert import Kernel, Lanes, RawFile
from tests.unit.kernel_convert import NOW

ROWS = 1200
FAULTS: dict[str, Callable[[], BaseException]] = {
    # iceberg #10340, #4457, scylla-migrator #134
    "reset": lambda: ConnectionResetError(104, "Connection reset by peer"),
    "TLS reset": lambda: ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] bad record mac"),
    "TLS ended": lambda: ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
    "broken pipe": lambda: BrokenPipeError(32, "Broken pipe"),
    "timed out": TimeoutError,
    "no answer": lambda: ReadTimeoutError(endpoint_url="https://s3"),
    "closed": lambda: ConnectionClosedError(endpoint_url="https://s3"),
    "response": lambda: ResponseStreamingError(error="Connection broken"),
    "half a body": lambda: IncompleteReadError(actual_bytes=1, expected_bytes=2),
    "half a body, by urllib3": lambda: ProtocolError("Connection broken: IncompleteRead(1 bytes read)"),
    "half a body, by Python": lambda: http.client.IncompleteRead(b"x", 2),
    # aws-glue-samples #20, delta #298, spark-snowflake #96
    "slow down": lambda: AwsBusyError("read s3://raw/f: An error occurred (SlowDown)"),
    # sparklyr #1390, cudf-spark #5979
    "disk full": lambda: OSError(28, "No space left on device"),
    "memory": MemoryError,
    # What libraries say of content that is broken, said by the stream.
    "end of file": EOFError,
    "gzip": lambda: gzip.BadGzipFile("Not a gzipped file"),
    "value": lambda: ValueError("invalid"),
    "arrow": lambda: pa.ArrowInvalid("Couldn't deserialize thrift"),
}


class Disturbed(io.RawIOBase):
    """A stream that fails at one of its reads, or ends there."""

    def __init__(self, content: bytes, fails_at: int, fault: Callable[[], BaseException] | None) -> None:
        super().__init__()
        self._content, self._fails_at, self._fault = io.BytesIO(content), fails_at, fault
        self.reads = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._content.seek(offset, whence)

    def tell(self) -> int:
        return self._content.tell()

    def readinto(self, buffer: Any) -> int:
        self.reads += 1
        if self.reads >= self._fails_at:
            if self._fault is not None:
                raise self._fault()
            return 0
        return self._content.readinto(buffer)

    def read(self, size: int = -1) -> bytes:
        # Short reads, as sockets have them: so that there are many.
        return super().read(min(size, 8192) if size >= 0 else 8192) or b""


def contract(**source: Any) -> Contract:
    place: dict[str, Any] = {"layout": "d/%Y/%m/%d/%H"}
    columns = [{"name": "k", "type": "integer"}, {"name": "v", "type": "varchar(20)"}]
    return parse_contract(
        {
            "dataset": "d",
            "source": place | source,
            "tables": [{"name": "t", "load": "append", "columns": columns}],
        },
        "d.yaml",
    )


CSV = "k,v\n" + "".join(f"{n},v{n * n}\n" for n in range(ROWS))
LINES = "".join(f'{{"k":{n},"v":"v{n * n}"}}\n' for n in range(ROWS))
ARRAY = "[" + ",".join(LINES.splitlines()) + "]"
XML = "<rows>" + "".join(f"<row><k>{n}</k><v>v{n * n}</v></row>" for n in range(ROWS)) + "</rows>"


def parquet() -> bytes:
    body = io.BytesIO()
    table = pa.table({"k": pa.array(range(ROWS), pa.int32()), "v": [f"v{n * n}" for n in range(ROWS)]})
    pq.write_table(table, body, row_group_size=300, compression="none", use_dictionary=False)
    return body.getvalue()


FILES: dict[str, tuple[Contract, bytes]] = {
    "csv": (contract(format="csv"), CSV.encode()),
    "csv by lines": (contract(format="csv", multiline=False), CSV.encode()),
    "csv, gzip": (contract(format="csv", compression="gzip"), gzip.compress(CSV.encode(), 1)),
    "csv, bzip2": (contract(format="csv", compression="bzip2", multiline=False), bz2.compress(CSV.encode())),
    "csv, latin-1": (contract(format="csv", encoding="latin-1"), CSV.encode()),
    "json lines": (contract(format="json"), LINES.encode()),
    "json lines, gzip": (contract(format="json", compression="gzip"), gzip.compress(LINES.encode(), 1)),
    "json array": (contract(format="json", records="array"), ARRAY.encode()),
    "xml": (contract(format="xml", row_tag="row"), XML.encode()),
    "parquet": (contract(format="parquet"), parquet()),
}


def read(name: str, lanes: Lanes, fails_at: int, fault: Callable[[], BaseException] | None) -> tuple[Any, int]:
    """What a file is converted to, and how often its stream was read."""
    found, content = FILES[name]
    streams: list[Disturbed] = []

    def opened() -> BinaryIO:
        streams.append(Disturbed(content, fails_at, fault))
        return cast("BinaryIO", streams[-1])

    rows: list[Any] = []
    refused: list[Any] = []
    for chunk in Kernel(found, NOW, lanes=lanes).read(RawFile("s3://raw/f", "b", len(content), opened)):
        if chunk.voids_the_file:
            rows.clear()
        rows += chunk.tables["t"].to_pylist()
        refused += chunk.quarantine.to_pylist()
    return (rows, refused), sum(stream.reads for stream in streams)


def ends(name: str, lanes: Lanes, fails_at: int, fault: Callable[[], BaseException] | None) -> Any:
    """What a file is converted to, or the exception that nothing of it is published with."""
    try:
        return read(name, lanes, fails_at, fault)[0]
    except BaseException as exc:  # noqa: BLE001 - some of what streams raise is no Exception's business
        return exc


@pytest.mark.parametrize("lanes", Lanes)
@pytest.mark.parametrize("name", FILES)
def test_a_fault_at_any_read_of_a_file_is_never_the_files(name: str, lanes: Lanes) -> None:
    undisturbed, reads = read(name, lanes, 10**9, None)
    assert (len(undisturbed[0]), undisturbed[1]) == (ROWS, [])
    assert reads > 1
    for text, fault in FAULTS.items():
        for fails_at in range(1, reads + 1):
            found = ends(name, lanes, fails_at, fault)
            assert found == undisturbed or type(found) is type(fault()), (text, fails_at)


@pytest.mark.parametrize("lanes", Lanes)
@pytest.mark.parametrize("name", FILES)
def test_a_stream_that_ends_too_early_is_never_the_files_end(name: str, lanes: Lanes) -> None:
    undisturbed, reads = read(name, lanes, 10**9, None)
    for fails_at in range(1, reads + 1):
        found = ends(name, lanes, fails_at, None)
        assert found == undisturbed or isinstance(found, ConnectionError), fails_at


@pytest.mark.parametrize("text", FAULTS)
def test_what_a_stream_raises_is_tried_again(text: str) -> None:
    assert verdict_of(FAULTS[text]()) in {Verdict.WORLD, Verdict.RUN}
