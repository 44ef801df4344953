"""What is decided before anything listens: lock, password, environment."""

import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path

import pytest

from localcloud import lock
from localcloud.__main__ import shown_dsn
from localcloud.config import PASSWORD_ENV, GlueSettings, LocalCloudConfig, resolve_password
from localcloud.environment import apply_environment
from localcloud.errors import AlreadyRunningError
from localcloud.faults.plan import FaultPlan
from localcloud.lock import Running, StateLock
from localcloud.options import from_options, parser, to_arguments


def test_the_second_lock_says_who_has_the_first(tmp_path: Path) -> None:
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.acquire()
    with pytest.raises(AlreadyRunningError, match="another local cloud is starting on"):
        second.acquire()
    first.describe(Running(7, "http://127.0.0.1:1", 2))
    with pytest.raises(AlreadyRunningError, match=r"already running: pid 7, endpoint http://127\.0\.0\.1:1, state"):
        second.acquire()
    assert json.loads((tmp_path / "lock").read_text()) == {
        "pid": 7,
        "endpoint_url": "http://127.0.0.1:1",
        "warehouse_port": 2,
        "parent": None,
    }
    first.release()
    second.acquire()
    second.release()


def test_a_lock_whose_holder_lost_its_parent_is_waited_for(tmp_path: Path) -> None:
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.acquire()
    first.describe(Running(7, "http://127.0.0.1:1", 2, parent=_ended_pid()))
    threading.Timer(0.5, first.release).start()
    second.acquire()
    second.release()


def test_an_orphan_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "ORPHAN_SECONDS", 0.3)
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.acquire()
    first.describe(Running(7, "http://127.0.0.1:1", 2, parent=_ended_pid()))
    with pytest.raises(AlreadyRunningError, match="already running: pid 7"):
        second.acquire()
    first.release()


def test_a_lock_whose_holder_has_its_parent_is_refused_at_once(tmp_path: Path) -> None:
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.acquire()
    first.describe(Running.of_this_process("http://127.0.0.1:1", 2))
    assert not Running(7, "", None, parent=os.getpid()).is_orphan
    with pytest.raises(AlreadyRunningError):
        second.acquire()
    first.release()


def _ended_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_the_password_is_made_once_and_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_ENV, raising=False)
    config = LocalCloudConfig(tmp_path)
    made = resolve_password(config)
    assert len(made) >= 20
    assert resolve_password(config) == made
    assert stat.S_IMODE((tmp_path / "warehouse.password").stat().st_mode) == 0o600
    monkeypatch.setenv(PASSWORD_ENV, "from the environment")
    assert resolve_password(config) == "from the environment"
    assert resolve_password(LocalCloudConfig(tmp_path, warehouse_password="given")) == "given"


def test_a_developer_s_own_aws_settings_do_not_reach_the_local_cloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    foreign = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "MINISTACK_HOST", "SERVICES")
    for name in foreign:
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    before = dict(os.environ)
    try:
        apply_environment(LocalCloudConfig(tmp_path), 4999)
        after = dict(os.environ)
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert not set(foreign) & set(after)
    assert after["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert after["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4999"
    assert after["AWS_CONFIG_FILE"] == os.devnull
    assert after["S3_DATA_DIR"] == str(tmp_path / "s3")
    assert after["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_child_is_started_with_the_whole_configuration(tmp_path: Path) -> None:
    glue = GlueSettings(
        slots=7, cores=3, driver_memory="2g", memory_mib=900, minute_seconds=0.5, stop_grace_seconds=1.5
    )
    config = LocalCloudConfig(
        tmp_path / "a b",
        port=1,
        warehouse_port=2,
        bind_address="0.0.0.0",
        host_names=("cloud", "other"),
        warehouse_names=("one", "two"),
        warehouse_role="reader",
        region="eu-west-1",
        account_id="111111111111",
        glue=glue,
        with_warehouse=False,
        checkpoint_seconds=0.25,
        wait_scale=0.5,
        iam="enforce",
        faults=FaultPlan(seed=7, rate=0.5),
    )
    for given in (config, LocalCloudConfig(tmp_path)):
        assert from_options(parser().parse_args(to_arguments(given))) == given
    default = LocalCloudConfig(tmp_path)
    names = {field.name for field in fields(config)}
    differing = {name for name in names if getattr(config, name) != getattr(default, name)}
    assert differing == names - {"warehouse_password"}, "each field is tried"


def test_a_password_reaches_no_child_and_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_ENV, "from the environment")
    assert resolve_password(LocalCloudConfig(tmp_path)) == "from the environment"
    # Lambda's workers inherit the environment of the local cloud.
    assert PASSWORD_ENV not in os.environ
    given = LocalCloudConfig(tmp_path, warehouse_password="given by hand")
    assert "given by hand" not in repr(given)
    assert "given by hand" not in " ".join(to_arguments(given))


@pytest.mark.parametrize(
    ("dsn", "is_private", "shown"),
    [
        (None, False, None),
        ("postgresql://sluice:pa%2Fss@127.0.0.1:1/w", True, "postgresql://sluice:pa%2Fss@127.0.0.1:1/w"),
        ("postgresql://sluice:pa%2Fss@127.0.0.1:1/w", False, "postgresql://sluice@127.0.0.1:1/w"),
        ("postgresql://sluice:sluice@127.0.0.1:1/w", False, "postgresql://sluice@127.0.0.1:1/w"),
    ],
)
def test_only_the_parent_is_told_the_password(dsn: str | None, is_private: bool, shown: str | None) -> None:
    assert shown_dsn(dsn, is_private=is_private) == shown


ASKED_AT_A_BAD_MOMENT = """
import signal, sys, threading
import localcloud.__main__ as program

class Cloud:
    endpoint_url, warehouse_dsn = "http://127.0.0.1:1", None
    def __init__(self, config): pass
    def start(self): sys.setprofile(ask)
    def stop(self): print("stopped")

def ask(frame, event, argument):
    # Where the main thread waits: inside of an event's lock, or in the call of a queue.
    in_lock = event == "call" and frame.f_code is threading.Condition.wait.__code__
    if in_lock or (event == "c_call" and getattr(argument, "__name__", "") == "get"):
        sys.setprofile(None)
        signal.raise_signal(signal.SIGTERM)

program.LocalCloud = Cloud
sys.exit(program.main(["--state-dir", sys.argv[1]]))
"""


def test_a_signal_at_any_moment_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ASKED_AT_A_BAD_MOMENT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.splitlines()[1:], done.stderr) == (0, ["stopped"], "")
