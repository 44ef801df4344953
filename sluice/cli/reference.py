"""The reference of all commands as Markdown, made from the commands themselves: ``python -m sluice.cli.reference``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer

from sluice.cli.app import app
from sluice.cli.lazy import LazyGroup

REFERENCE_FILE: Final = Path("docs/cli.md")
_HEAD: Final = """# Command line

Every command, made from the program itself by `python -m sluice.cli.reference`. Options of `sluice` stand before the
command: `sluice --endpoint-url http://127.0.0.1:4566 status`.

Which cloud a command talks to: the one of `--endpoint-url` or `AWS_ENDPOINT_URL`; without it the local cloud that runs
on the state directory (the command says so on standard error); without one, or with `--aws`, the AWS account that boto3
finds (`AWS_PROFILE`, `AWS_REGION` and so on). Exit status: 0 done, 1 failed, 2 called wrongly. Results go to standard
output, everything else to standard error.
"""


def cli_reference() -> str:
    """The reference as text, the same for the same program."""
    parts = [_HEAD, *(_section(path, command) for path, command in commands())]
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, the program itself first."""
    yield from _below("sluice", typer.main.get_command(app))


def _below(path: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer hides its command classes
    yield path, command
    children = command.loaded() if isinstance(command, LazyGroup) else getattr(command, "commands", {}).items()
    for name, child in children:
        yield from _below(f"{path} {name}", child)


def _section(path: str, command: Any) -> str:  # noqa: ANN401
    lines = [f"## `{path}`", "", _paragraphs(command.help), ""]
    if command.epilog:
        example = command.epilog.removeprefix("Example: ")
        lines += [f"Example: `{example}`", ""]
    rows = [row for parameter in command.params for row in _row(parameter)]
    if rows:
        lines += ["| option | meaning | default |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _row(parameter: Any) -> Iterator[str]:  # noqa: ANN401
    if parameter.name == "help":
        return
    is_argument = parameter.param_type_name == "argument"
    names = parameter.name.upper() if is_argument else ", ".join(parameter.opts)
    shown = parameter.show_default and not parameter.required and not getattr(parameter, "is_flag", False)
    default = f"`{parameter.default}`" if shown else ""
    meaning = " ".join((parameter.help or "").split())
    if parameter.envvar:
        meaning += f" Environment: `{parameter.envvar}`."
    yield f"| `{names}` | {meaning} | {default} |"


if __name__ == "__main__":
    REFERENCE_FILE.write_text(cli_reference(), encoding="utf-8")
