"""What is told without a database: rules of decimals, the text of an analysed statement, procedures' bodies."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from localcloud.redshift.dialect.procedures import body
from localcloud.redshift.dialect.words import words
from localcloud.redshift.errors import SqlError
from localcloud.redshift.typing import decimals
from localcloud.redshift.typing.decimals import Decimal
from localcloud.redshift.typing.nodes import read
from localcloud.redshift.typing.types import Types, of_modifier

Pair = tuple[int, int]

# Source of the rules: https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html


@pytest.mark.parametrize(
    ("rule", "one", "other", "expected"),
    [
        (decimals.divided, (8, 2), (8, 2), (17, 9)),
        (decimals.divided, (2, 1), (2, 1), (6, 4)),
        (decimals.divided, (10, 0), (8, 2), (19, 7)),
        (decimals.divided, (38, 2), (38, 2), (38, 4)),
        (decimals.multiplied, (8, 2), (8, 2), (17, 4)),
        (decimals.multiplied, (38, 19), (38, 19), (38, 38)),
        (decimals.added, (8, 2), (5, 4), (11, 4)),
        (decimals.added, (38, 0), (10, 0), (38, 0)),
    ],
)
def test_types_of_computed_decimals(
    rule: Callable[[Decimal, Decimal], Decimal], one: Pair, other: Pair, expected: Pair
) -> None:
    assert rule(Decimal(*one), Decimal(*other)) == Decimal(*expected)


def test_a_number_has_the_digits_that_are_written() -> None:
    found = [decimals.literal(text) for text in ("187.00", "0.5", "12", "007.10", ".25", "0")]
    assert found == [Decimal(5, 2), Decimal(1, 1), Decimal(2, 0), Decimal(3, 2), Decimal(2, 2), Decimal(1, 0)]
    assert decimals.united([Decimal(5, 2), Decimal(4, 3)]) == Decimal(6, 3)
    assert decimals.united([]) is None
    assert (of_modifier(-1), of_modifier(524294)) == (None, Decimal(8, 2))


TREE = (
    "{QUERY :commandType 1 :targetList ({TARGETENTRY :expr {OPEXPR :opno 1761 :opresulttype 1700 :args "
    "({CONST :consttype 1700 :consttypmod -1 :constisnull false :location 7 :constvalue 2 [ 32 0 ]} "
    "{CONST :consttype 23 :consttypmod -1 :constisnull false :location 13 :constvalue 4 [ 3 0 0 0 0 0 0 0 ]}) "
    ":location 11} :resno 1 :resname a\\ b :resjunk false}) :setOperations <> :rtable <>}"
)


def test_the_text_of_a_statement_is_read_and_its_types_told() -> None:
    root = read(TREE)
    assert (root.label, root.number("commandType"), root.fields["setOperations"]) == ("QUERY", 1, None)
    (entry,) = root.nodes("targetList")
    assert entry.text("resname") == "a b"
    types = Types(root, b"select 187.0 / 3")
    ((node, result),) = types.computed()
    # 187.0 has (4,1), an INTEGER (10,0): 1 + 10 - 0 + 1 digits after the point.
    assert (node.number("location"), result) == (11, Decimal(15, 12))
    assert types.columns() == [Decimal(15, 12)]


def test_an_error_is_raised_again_behind_its_handler() -> None:
    text = body("BEGIN INSERT INTO t VALUES (1); EXCEPTION WHEN OTHERS THEN INSERT INTO log VALUES (SQLERRM); END;")
    places = [
        text.index(part)
        for part in ("INSERT INTO t", "ROLLBACK", "VALUES (redshift_message)", "COMMIT", "RAISE EXCEPTION")
    ]
    assert places == sorted(places)
    inner = body("BEGIN BEGIN x; EXCEPTION WHEN OTHERS THEN y; END; z; END;")
    assert inner == "BEGIN BEGIN x; EXCEPTION WHEN OTHERS THEN y; RAISE; END; z; END;"
    assert body("BEGIN TRUNCATE t; END;") == "BEGIN TRUNCATE t; COMMIT; END;"
    assert body("BEGIN IF a THEN x; END IF; FOR r IN s LOOP y; END LOOP; END;").count("RAISE") == 0


def test_a_handler_for_one_error_alone_is_refused() -> None:
    with pytest.raises(SqlError, match='unrecognized exception condition "division_by_zero"'):
        body("BEGIN x; EXCEPTION WHEN division_by_zero THEN y; END;")


def test_the_lists_of_words_are_read_with_what_serves_in_their_place() -> None:
    assert words("unsupported functions")["string_agg"] == "LISTAGG"
    assert words("leader words") == dict.fromkeys(
        ["current_time", "current_timestamp", "localtime", "localtimestamp"], ""
    )
    assert {"tag", "offset", "snapshot"} < set(words("reserved words"))
    with pytest.raises(KeyError):
        words("no such list")
