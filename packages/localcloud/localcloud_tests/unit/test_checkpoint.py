"""Saving state on a machine in trouble: a full disk is told and tried again, a half-written file is refused by name."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from ministack.core import persistence

from localcloud import registry
from localcloud.checkpoint import Checkpointer, check_saved
from localcloud.errors import BrokenStateError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where one service, with one value, is saved."""
    monkeypatch.setattr(persistence, "PERSIST_STATE", True)
    monkeypatch.setattr(persistence, "STATE_DIR", str(tmp_path))
    monkeypatch.setattr(registry, "state_readers", lambda: {"sqs": lambda: {"messages": 3}})
    return tmp_path


def test_what_a_full_disk_kept_from_being_saved_is_told_and_saved_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    checkpointer = Checkpointer(60)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        assert checkpointer.save() == []
    assert list(folder.iterdir()) == []
    assert "the state of sqs could not be saved; is the disk full?" in caplog.text
    assert checkpointer._touched.is_set()
    assert checkpointer.save() == ["sqs"]
    assert checkpointer.save() == []
    assert persistence.load_state("sqs") == {"messages": 3}


@pytest.mark.parametrize("content", [b"", b'{"__ministack_format__": 1, "payload": {"mess', b"\xff\x00"])
def test_a_half_written_state_is_refused_by_name_and_left_as_it_is(folder: Path, content: bytes) -> None:
    check_saved(folder)
    Checkpointer(60).save()
    check_saved(folder)
    path = folder / "dynamodb.json"
    path.write_bytes(content)
    with pytest.raises(BrokenStateError, match=r"dynamodb\.json is not whole .*move it away"):
        check_saved(folder)
    assert path.read_bytes() == content
    path.unlink()
    check_saved(folder)
