"""Names of raw files reach the warehouse whatever they mean elsewhere: as texts in columns, and as digests."""

from __future__ import annotations

from dataclasses import replace

from tests.histories.names import NAMES
from tests.warehouse.loads import Loads, arrow_table, batch_id, contract_of, counts, row, things


def test_files_without_a_field_are_told_from_others_whatever_their_names(loads: Loads) -> None:
    """Which files lack a field stands in the merge as digests of their names, made here and there alike."""
    table, old, new = things(), batch_id(1), batch_id(2)
    loads.load(table, {old: [row(number, 1, f"v{number}") for number, _ in enumerate(NAMES)]})
    files = []
    for number, name in enumerate(NAMES):
        source = f"s3://raw/{new}/{name}"
        content = arrow_table(table, [(*row(number, 2, None), new, source)])
        file = loads.publish_arrow(table, new, content, f"part-{number}")
        # Every second file is said to lack the name; the others say that there is none.
        absent: dict[str, tuple[str, ...]] = {source: ("name",)} if number % 2 else {}
        files.append(replace(file, columns=table.written_columns, absent=absent))
    contract = contract_of(table)

    outcome = loads.run(contract, loads.dispatch(contract, {new: {"things": files}}))

    assert counts(outcome) == {new: (len(NAMES), 0, len(NAMES), 0)}
    found = {key: (name, source) for key, name, source in loads.rows(columns=("id", "name", "_source_file"))}
    assert found == {
        number: (f"v{number}" if number % 2 else None, f"s3://raw/{new}/{name}") for number, name in enumerate(NAMES)
    }
