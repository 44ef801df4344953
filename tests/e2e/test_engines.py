"""A small batch goes through the job's own process, a large one through Spark, and nothing else differs."""

from sluice.cli.batch_view import read_view, view_as_json
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from tests.e2e.stack import SPARK_FROM_BYTES, Stack

DATASET = "transactions"
SMALL, LARGE = Partition.parse("2031-05-06T07"), Partition.parse("2031-05-06T08")
HEADER = (
    "transaction_id;order_id;product_id;quantity;unit_price;discount_percent;transaction_date;payment_method;updated_at"
)
_IDS = 7_500_000


def _file(first: int, count: int) -> bytes:
    rows = (
        f"{_IDS + number};ORD-{number:06d};PROD-0001;1;2.50;0;06.05.2031 07:00:00;card;2031-05-06T07:00:00"
        for number in range(first, first + count)
    )
    return "\n".join([HEADER, *rows, "no number;x", ""]).encode()


def test_a_large_run_goes_through_spark_and_says_so(stack: Stack) -> None:
    before = len(stack.settled(DATASET, 0))
    stack.send(DATASET, SMALL, {"a.csv": _file(0, 50)})
    small = stack.settled(DATASET, before + 1)[-1]
    rows = SPARK_FROM_BYTES // 80 + 1000
    stack.send(DATASET, LARGE, {"a.csv": _file(1000, rows // 2), "b.csv": _file(1000 + rows // 2, rows - rows // 2)})
    large = stack.settled(DATASET, before + 2)[-1]

    assert (small.size_bytes < SPARK_FROM_BYTES, large.size_bytes >= SPARK_FROM_BYTES) == (True, True)
    assert [(batch.state, batch.engine) for batch in (small, large)] == [
        (BatchState.LOADED, "process"),
        (BatchState.LOADED, "spark"),
    ]
    assert view_as_json(read_view(stack.ledger, large.batch_id))["engine"] == "spark"
    counts = large.counts[DATASET]
    assert (counts.read, counts.rejected, counts.duplicates, counts.published) == (rows + 2, 2, 0, rows)
    query = "select count(*), min(transaction_id), max(transaction_id) from transactions where _batch_id = '{}'"
    assert stack.rows(query.format(small.batch_id)) == [(50, _IDS, _IDS + 49)]
    assert stack.rows(query.format(large.batch_id)) == [(rows, _IDS + 1000, _IDS + 999 + rows)]
