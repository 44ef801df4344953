"""What the local cloud says of a machine's Java."""

from pathlib import Path

import pytest

from localcloud.errors import LocalCloudError
from localcloud.java import require_java


def java_that_says(folder: Path, text: str) -> dict[str, str]:
    """An environment whose JAVA_HOME has a `java` that says so on standard error, as Java does."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{text}' >&2\n")
    program.chmod(0o755)
    return {"JAVA_HOME": str(folder), "PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize("text", ['openjdk version "17.0.19" 2026-04-21', 'java version "25" 2025-09-16 LTS'])
def test_a_java_that_is_new_enough_is_taken(tmp_path: Path, text: str) -> None:
    require_java(java_that_says(tmp_path, text))


@pytest.mark.parametrize(("text", "version"), [('java version "1.8.0_401"', "1"), ('"11.0.2"', "unknown")])
def test_an_old_java_is_named_with_its_version(tmp_path: Path, text: str, version: str) -> None:
    environ = java_that_says(tmp_path, text)
    with pytest.raises(LocalCloudError, match=f"Java 17 or newer, and '{tmp_path}/bin/java' is version {version}"):
        require_java(environ)


@pytest.mark.parametrize("home", [True, False])
def test_without_java_the_message_says_where_it_was_looked_for(tmp_path: Path, home: bool) -> None:
    environ = {"PATH": str(tmp_path)} | ({"JAVA_HOME": str(tmp_path)} if home else {})
    wanted = f"{tmp_path}/bin/java" if home else "java"
    with pytest.raises(LocalCloudError, match=f"no '{wanted}' was found.\nInstall one"):
        require_java(environ)
