"""The first code of a run's process: runs the job's script as Glue does and writes down why it failed.

It is started as a file, with the standard library alone, so that a job sees nothing of the local cloud: modules come
from the job's own --extra-py-files, the awsglue shim and the installed packages.
"""

import json
import os
import resource
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path

FAILED = 1


def main() -> int:
    """Run the script named in the specification file; the exit status."""
    specification = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    threading.Thread(target=_end_with_parent, name="glue-watchdog", daemon=True).start()
    sys.path[:] = [entry for entry in sys.path if entry not in specification["hidden_paths"]]
    script = specification["script"]
    sys.argv = [script, *specification["argv"]]
    failure = Path(specification["failure_file"])
    bound_memory(specification["memory_mib"])
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as error:
        return _exit_status(error, failure)
    except BaseException as error:  # noqa: BLE001 - the entry point: whatever ends the script is the run's message
        traceback.print_exception(error)
        failure.write_text(describe(error, specification["memory_mib"]), encoding="utf-8")
        return FAILED
    return 0


def bound_memory(mib: int) -> None:
    """Bound the memory of this process and of each that it starts, so that a run ends and not the machine.

    What is only reserved, as the JVM does with its heap, does not count.
    Source: https://man7.org/linux/man-pages/man2/setrlimit.2.html (RLIMIT_DATA)

    Args:
        mib: The bound; 0 sets none.
    """
    if mib:
        resource.setrlimit(resource.RLIMIT_DATA, (mib << 20, mib << 20))


def describe(error: BaseException, memory_mib: int = 0) -> str:
    """One line for the run's ErrorMessage: the class name, then what went wrong.

    A Java error comes with its stack; its own message is the second line of the text.

    Args:
        error: What ended the script.
        memory_mib: Most memory that the process may have; 0 when there is no bound.
    """
    if isinstance(error, MemoryError):
        bound = f"this process may have {memory_mib} MiB" if memory_mib else "the machine has none left"
        return f"MemoryError: out of memory, {bound}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[1].startswith(":"):
        lines[0] += lines[1]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _exit_status(error: SystemExit, failure: Path) -> int:
    if error.code is None or error.code == 0:
        return 0
    failure.write_text(f"SystemExit: {error.code}", encoding="utf-8")
    if isinstance(error.code, int):
        return error.code & 0xFF or FAILED
    sys.stderr.write(f"{error.code}\n")
    return FAILED


def _end_with_parent() -> None:
    """Wait for the local cloud to go away (its end of our standard input closes), then end the process group.

    The group holds the JVM and Spark's Python workers: nothing is left of a run whose local cloud was killed.
    """
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The JVM is ended by the runner; waiting for its orderly end would cost every run a second.
    os._exit(status)
