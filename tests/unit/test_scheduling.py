"""Files of tests are shared out so that a layer's cloud is made once and no worker is idle while another has files."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdist.remote import Producer

from tests.scheduling import LAYERS, OWN_CLOUD, LayerScheduling, layer_of, next_file

FILES = [f"tests/{layer}/test_{name}.py" for layer in sorted(LAYERS) for name in "abc"]


def test_every_layer_is_in_the_order() -> None:
    folders = {path.parent.name for path in Path(__file__).parents[1].glob("*/test_*.py")}
    assert folders == set(LAYERS)


@pytest.mark.parametrize(
    ("mine", "begun", "file"),
    [
        ("", "", "tests/e2e/test_a.py"),
        ("", "e2e", "tests/terraform/test_a.py"),
        ("spark", "e2e aws", "tests/spark/test_a.py"),
        ("gone", "e2e aws warehouse terraform spark", "tests/unit/test_a.py"),
    ],
)
def test_a_worker_goes_on_or_begins_the_longest_layer(mine: str, begun: str, file: str) -> None:
    assert next_file(FILES, mine, begun.split()) == file


def test_when_all_is_begun_a_worker_helps_from_the_end_where_most_is_left() -> None:
    left = ["tests/aws/test_z.py", "tests/e2e/test_b.py", "tests/e2e/test_c.py"]
    assert next_file(left, "unit", LAYERS) == "tests/e2e/test_c.py"


def test_who_has_a_cloud_of_his_own_may_go_to_any_worker() -> None:
    root = Path(__file__).parents[2]
    assert [file for file in OWN_CLOUD if not (root / file).is_file()] == []
    assert [file for file in OWN_CLOUD if "stack" in (root / file).read_text(encoding="utf-8")] == []
    files = [*FILES, *OWN_CLOUD]
    assert next_file(files, "", ["e2e", "terraform"]) == OWN_CLOUD[0]
    assert next_file([*FILES, OWN_CLOUD[1]], OWN_CLOUD[0], ["e2e", "terraform", OWN_CLOUD[0]]) == OWN_CLOUD[1]
    assert next_file(FILES, OWN_CLOUD[1], ["e2e", "terraform", *OWN_CLOUD]) == "tests/aws/test_a.py"
    assert next_file(files, "e2e", ["e2e"]) == "tests/e2e/test_a.py"


class _Worker:
    """What the scheduler sees of a worker: a list of the tests that it was sent."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self.sent: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def _config(workers: int) -> Any:
    option = SimpleNamespace(loadscopereorder=False)
    values = {"tx": ["popen"] * workers}
    return SimpleNamespace(option=option, getvalue=values.__getitem__)


@given(
    sizes=st.lists(st.integers(1, 4), min_size=len(FILES), max_size=len(FILES)),
    fast=st.lists(st.booleans(), min_size=200, max_size=200),
    workers=st.integers(1, 4),
)
def test_every_test_runs_once_and_a_file_on_one_worker(sizes: list[int], fast: list[bool], workers: int) -> None:
    tests = [f"{file}::test_{n}" for file, size in zip(FILES, sizes, strict=True) for n in range(size)]
    scheduler = LayerScheduling(_config(workers), Producer("test", enabled=False))
    nodes = [_Worker(f"gw{number}") for number in range(workers)]
    for node in nodes:
        scheduler.add_node(node)
    for node in nodes:
        scheduler.add_node_collection(node, tests)
    scheduler.schedule()
    done: dict[str, list[str]] = {node.gateway.id: [] for node in nodes}
    turns = iter(fast)
    while any(len(done[node.gateway.id]) < len(node.sent) for node in nodes):
        for node in nodes if next(turns, True) else reversed(nodes):
            mine = done[node.gateway.id]
            if len(mine) < len(node.sent):
                index = node.sent[len(mine)]
                mine.append(tests[index])
                scheduler.mark_test_complete(node, index)
                break
    assert sorted(test for ran in done.values() for test in ran) == sorted(tests)
    assert not scheduler.has_pending
    for ran in done.values():
        layers = [layer_of(test) for test in ran]
        changes = [layer for layer, before in zip(layers, ["", *layers], strict=False) if layer != before]
        assert len(changes) == len(set(changes))  # a layer that was left is not come back to
