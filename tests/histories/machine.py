"""Random histories: the steps of `tests.histories.history` in any order, which shrink to a script when they fail."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.histories.account import DEPENDENCIES
from tests.histories.history import History

DATASETS = st.sampled_from(["orders", "orders", "events", "events", "customers", "stock"])
NUMBERS = st.integers(0, 1)
WHICH = st.integers(0, 3)
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=1, max_size=4)
KINDS = st.sampled_from(["good"] * 6 + ["soiled", "junk", "broken", "missing"])
POINTS = st.integers(0, 60)
"""Where a process dies, counted in its calls to the outside."""


class Histories(RuleBasedStateMachine):
    """One history."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History()

    @initialize(has_times=st.booleans())
    def begin(self, has_times: bool) -> None:
        self.history.has_times = has_times

    @rule(dataset=DATASETS, number=NUMBERS, rows=ROWS, kind=KINDS, same_names=st.booleans(), is_lost=st.integers(0, 9))
    def send(self, dataset: str, number: int, rows: list[tuple[int, int]], kind: str, same_names: bool, is_lost: int) -> None:  # fmt: skip  # noqa: E501
        self.history.send(dataset, number, rows, kind=kind, same_names=same_names, is_lost=is_lost == 9)  # type: ignore[arg-type]

    @precondition(lambda self: self.history.late)
    @rule()
    def arrive(self) -> None:
        self.history.arrive()

    @precondition(lambda self: self.history.queue)
    @rule(which=WHICH, again=st.booleans())
    def deliver(self, which: int, again: bool) -> None:
        self.history.deliver(which, again=again)

    @precondition(lambda self: self.history.queue)
    @rule()
    def deliver_all(self) -> None:
        for _ in range(len(self.history.queue)):
            self.history.deliver()

    @precondition(lambda self: self.history.account.glue.running)
    @rule(which=WHICH, is_heard=st.booleans())
    def work(self, which: int, is_heard: bool) -> None:
        self.history.work(which, is_heard=is_heard)

    @precondition(lambda self: self.history.account.glue.running)
    @rule(which=WHICH, dies_at=POINTS, is_answer=st.booleans(), is_heard=st.booleans())
    def die(self, which: int, dies_at: int, is_answer: bool, is_heard: bool) -> None:
        self.history.work(which, dies_at=dies_at, is_answer=is_answer, is_heard=is_heard)

    @precondition(lambda self: self.history.account.glue.running)
    @rule(which=WHICH)
    def stop(self, which: int) -> None:
        self.history.stop(which)

    @precondition(lambda self: self.history.account.machine.running)
    @rule(which=WHICH)
    def abort(self, which: int) -> None:
        self.history.abort(which)

    @precondition(lambda self: self.history.account.glue.running)
    @rule(which=WHICH)
    def call_dead(self, which: int) -> None:
        self.history.call_dead(which)

    @precondition(lambda self: self.history.zombies)
    @rule(which=WHICH)
    def zombie_works(self, which: int) -> None:
        self.history.zombie_works(which)

    @precondition(lambda self: self.history.account.machine.running)
    @rule(which=WHICH)
    def machine_goes_on(self, which: int) -> None:
        self.history.machine_goes_on(which)

    @rule(minutes=st.sampled_from([1, 5, 17, 61, 150]), is_searching=st.booleans())
    def sweep(self, minutes: int, is_searching: bool) -> None:
        self.history.sweep(minutes, is_searching=is_searching)

    @rule()
    def go_on(self) -> None:
        """An hour in which nothing goes wrong that is not wrong already."""
        for _ in range(len(self.history.queue)):
            self.history.deliver()
        for _ in range(3):
            for _ in range(len(self.history.account.glue.running)):
                self.history.work()
            self.history.sweep(20)

    @rule(at=POINTS, is_answer=st.booleans())
    def crash(self, at: int, is_answer: bool) -> None:
        self.history.crash(at, is_answer=is_answer)

    @rule(what=st.sampled_from(sorted(DEPENDENCIES)))
    def away(self, what: str) -> None:
        self.history.away(what)

    @precondition(lambda self: self.history.account.weather.away)
    @rule()
    def back(self) -> None:
        self.history.back()

    @rule(version=st.sampled_from([1, 2]))
    def deploy(self, version: int) -> None:
        self.history.deploy(version)

    @precondition(lambda self: any(run.is_ended for run in self.history.account.glue.runs.values()))
    @rule(which=WHICH)
    def run_again(self, which: int) -> None:
        self.history.run_again(which)

    @precondition(lambda self: self.history.account.ledger.records)
    @rule(which=WHICH)
    def retry(self, which: int) -> None:
        self.history.retry(which)

    @rule(dataset=DATASETS, number=NUMBERS)
    def replay(self, dataset: str, number: int) -> None:
        self.history.replay(dataset, number)

    def check_invariants(self, *_: object) -> None:
        """Hypothesis calls this after each step; what holds at every moment is not a step of the script."""
        self.history.check()

    def teardown(self) -> None:
        self.history.finish()
