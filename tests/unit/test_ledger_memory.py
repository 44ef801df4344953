import pytest

from tests.doubles.ledger import MemoryLedger
from tests.ledger_behaviour import LedgerBehaviour


class TestMemoryLedger(LedgerBehaviour):
    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return MemoryLedger()
