"""The plan of a running local cloud, read and changed from outside: the API for tests."""

import json
from urllib.request import Request, urlopen

from localcloud.faults.injector import CONTROL_PATH
from localcloud.faults.journal import Tally
from localcloud.faults.plan import FaultPlan

_SECONDS = 30.0


def read_tallies(endpoint: str) -> tuple[Tally, ...]:
    """What was asked, and what of it went wrong, since the plan began.

    Args:
        endpoint: URL of the local cloud.
    """
    return _asked(Request(endpoint + CONTROL_PATH))  # noqa: S310 - the local cloud's own address


def follow_plan(endpoint: str, plan: FaultPlan) -> None:
    """Begin with another plan; `FaultPlan()` is none.

    Args:
        endpoint: URL of the local cloud.
        plan: What goes wrong from now on.
    """
    _asked(Request(endpoint + CONTROL_PATH, plan.to_json().encode(), method="PUT"))  # noqa: S310 - as above


def _asked(request: Request) -> tuple[Tally, ...]:
    with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
        return tuple(Tally.from_fields(fields) for fields in json.load(answer)["tallies"])
