"""What is said when the machine lacks what Sluice needs."""

import os
import re
import subprocess
from pathlib import Path

import pytest

BIN = Path(__file__).resolve().parents[2] / "bin"
REQUIRE_JAVA = BIN / "require-java"


def _require_java(java_home: Path) -> tuple[int, str]:
    environment = {"PATH": os.environ["PATH"], "JAVA_HOME": str(java_home)}
    done = subprocess.run([str(REQUIRE_JAVA)], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def _java(folder: Path, version: str) -> Path:
    """A folder with a Java that only knows its version."""
    program = folder / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-01' >&2\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


def test_a_missing_java_is_named_with_what_to_install(tmp_path: Path) -> None:
    status, message = _require_java(tmp_path)
    assert status == 1
    assert message.startswith(
        f"Sluice runs Spark, which needs Java 17 or newer, and no '{tmp_path}/bin/java' was found."
    )
    assert "sudo apt-get install openjdk-17-jre-headless" in message
    assert "brew install openjdk@17" in message


@pytest.mark.parametrize(("version", "number"), [("11.0.2", "11"), ("1.8.0_402", "1")])
def test_a_java_that_is_too_old_is_named_with_its_version(tmp_path: Path, version: str, number: str) -> None:
    status, message = _require_java(_java(tmp_path, version))
    assert status == 1
    assert f"'{tmp_path}/bin/java' is version {number}.\n" in message
    assert "sudo apt-get install openjdk-17-jre-headless" in message


@pytest.mark.parametrize("version", ["17", "17.0.9", "21.0.1", "25"])
def test_a_java_that_will_do_is_not_spoken_of(tmp_path: Path, version: str) -> None:
    assert _require_java(_java(tmp_path, version)) == (0, "")


def test_a_python_that_does_not_run_is_named_without_its_own_words(tmp_path: Path) -> None:
    """A version manager leaves a name for every version that it knows, and each runs only where it is chosen."""
    python = tmp_path / "python3.10"
    python.write_text("#!/bin/sh\necho 'command not found, but there are these' >&2\nexit 127\n", encoding="utf-8")
    python.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "PYTHON": str(python)}
    command = [str(BIN / "setup"), str(tmp_path / "venv")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"Sluice needs Python 3.11 or newer: '{python}' does not run.\n")
    assert not (tmp_path / "venv").exists()


def test_the_spark_of_glue_5_takes_the_place_of_the_newer_one(tmp_path: Path) -> None:
    """A stand-in for Python that makes an environment of nothing and installs nothing."""
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\n[ "$2" != venv ] || { mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; }\n', encoding="utf-8"
    )
    python.chmod(0o755)
    venv = tmp_path / "venv"
    command = [str(BIN / "setup-spark35"), str(venv)]
    environment = {"PATH": os.environ["PATH"], "PYTHON": str(python)}
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=BIN.parent)

    def requirements(path: Path) -> dict[str, str]:
        blocks = re.split(r"\n(?=[a-z])", path.read_text(encoding="utf-8").strip())
        return {block.partition("==")[0]: block for block in blocks}

    newer, older = (
        requirements(BIN.parent / "requirements.lock"),
        requirements(BIN.parent / "requirements-spark35.lock"),
    )
    assert requirements(venv / "requirements.lock") == {**newer, **older}
    assert (venv / ".ready").exists()
