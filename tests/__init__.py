import pytest

pytest.register_assert_rewrite("tests.ledger_behaviour", "tests.doubles")
