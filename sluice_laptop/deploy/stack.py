"""The numbers and names that Terraform and the local deploy share; see ``terraform/stack.json``."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any, Self

import cattrs

from sluice.settings import Settings

TERRAFORM = Path(__file__).resolve().parents[2] / "terraform"


@dataclass(frozen=True, slots=True)
class Job:
    """A Glue job.

    Attributes:
        setting: Field of the settings that holds its name.
        script: File name of its entry script.
        workers: Most workers of a run.
        timeout_minutes: When Glue ends a run.
        max_concurrent_runs: Runs at the same time.
    """

    setting: str
    script: str
    workers: int
    timeout_minutes: int
    max_concurrent_runs: int


@dataclass(frozen=True, slots=True)
class Glue:
    """What all Glue jobs have in common, and the jobs."""

    version: str
    python_version: str
    worker_type: str
    max_retries: int
    queuing: bool
    jobs: Mapping[str, Job]


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function.

    Attributes:
        handler: Its handler within the package.
        timeout_seconds: When Lambda ends an invocation.
        memory_mb: Its memory.
    """

    handler: str
    timeout_seconds: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue of the manifest events, and how its function reads it."""

    function: str
    batch_size: int
    batch_window_seconds: int
    maximum_concurrency: int
    visibility_timeout_seconds: int
    max_receives: int
    retention_seconds: int
    dead_letter_retention_seconds: int


@dataclass(frozen=True, slots=True)
class Crawlers:
    """When crawlers start, by zone, and how long the events wait for them."""

    schedules: Mapping[str, str]
    retention_seconds: int
    dead_letter_retention_seconds: int


@dataclass(frozen=True, slots=True)
class Rule:
    """An event rule and the function that it calls."""

    function: str
    pattern: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule and the function that it calls."""

    function: str
    expression: str


@dataclass(frozen=True, slots=True)
class Stack:
    """The content of ``terraform/stack.json`` with the settings filled in."""

    code_prefix: str
    glue: Glue
    runtime: str
    functions: Mapping[str, Function]
    queue: Queue
    crawlers: Crawlers
    rules: Mapping[str, Rule]
    schedules: Mapping[str, Schedule]

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """Read the file.

        Args:
            settings: Their fields stand for the placeholders of the same names; ``prefix`` is that of all names.
        """
        text = (TERRAFORM / "stack.json").read_text(encoding="utf-8")
        plain = json.loads(Template(text).substitute(_texts(settings), prefix=settings.prefix))
        return cattrs.structure(plain | {"runtime": plain["lambda"]["runtime"]}, cls)


def load_machine_definition(settings: Settings) -> str:
    """The state machine of the load, rendered as Terraform renders it."""
    text = (TERRAFORM / "state_machines" / "load.asl.json").read_text(encoding="utf-8")
    names = {"load_step_function": f"{settings.prefix}load-step", "archive_function": f"{settings.prefix}archive"}
    values = _texts(settings) | names
    # Not string.Template: to it, JSONata's own $names are placeholders too.
    return re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], text)


def _texts(settings: Settings) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(settings).items()}
