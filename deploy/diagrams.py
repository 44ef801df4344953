"""The diagrams of ``docs/architecture.md``, drawn from what they show; ``python -m deploy.diagrams`` writes them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sluice.ledger.batch import BatchState
from sluice.ledger.record import ALLOWED_MOVES, FIRST_STATES

PAGE: Final = Path("docs/architecture.md")
MACHINE: Final = Path(__file__).resolve().parents[1] / "terraform/state_machines/load.asl.json"
_BLOCK: Final = "<!-- {0}, by `python -m deploy.diagrams` -->\n```mermaid\n{1}\n```\n<!-- end of {0} -->"


def batch_states() -> str:
    """The states of a batch and the moves that the ledger allows, as a Mermaid diagram."""
    order = list(BatchState)
    first = [f"    [*] --> {state}" for state in order if state in FIRST_STATES]
    moves = [f"    {state} --> {after}" for state in order for after in order if after in ALLOWED_MOVES[state]]
    return "\n".join(["stateDiagram-v2", *first, *moves])


def load_machine(definition: Mapping[str, Any]) -> str:
    """The states of the state machine, as a Mermaid diagram; what is caught is drawn with dots.

    Args:
        definition: In Amazon States Language.
    """
    lines = ["flowchart TD"]
    for name, state in definition["States"].items():
        shape = f"{name}{{{{{name}}}}}" if state["Type"] == "Choice" else f"{name}[{name}]"
        lines.append(f"    {shape}")
        lines.extend(f"    {name} {arrow} {after}" for arrow, after in _after(state))
    return "\n".join(lines)


def _after(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How a state is left: kind of arrow, and the next state, each once."""
    plain = [state.get("Next"), *(choice["Next"] for choice in state.get("Choices", ())), state.get("Default")]
    yield from (("-->", name) for name in dict.fromkeys(plain) if name)
    caught = dict.fromkeys(catcher["Next"] for catcher in state.get("Catch", ()))
    yield from (("-.->", name) for name in caught if name not in plain)


def with_diagrams(page: str) -> str:
    """The page with its diagrams as they are today.

    Raises:
        ValueError: The page has no place for a diagram.
    """
    diagrams = {
        "states of a batch": batch_states(),
        "load state machine": load_machine(json.loads(MACHINE.read_text(encoding="utf-8"))),
    }
    for name, text in diagrams.items():
        found = re.findall(rf"<!-- {name}, by .*?<!-- end of {name} -->", page, re.DOTALL)
        if len(found) != 1:
            raise ValueError(f"{PAGE}: has {len(found)} places for the diagram '{name}', not 1")
        page = page.replace(found[0], _BLOCK.format(name, text))
    return page


if __name__ == "__main__":
    PAGE.write_text(with_diagrams(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
