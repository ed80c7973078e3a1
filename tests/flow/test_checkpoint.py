"""Checkpoint files: what is found after anything that may befall a disk or a program."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.flow.checkpoint import HEAD, Store

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "run")
    made.open()
    return made


def found(store: Store) -> tuple[int, bytes]:
    newest = store.find()
    assert newest is not None
    return newest.number, newest.body


def test_what_was_written_is_found(store: Store) -> None:
    store.write(1, b"state")

    assert found(store) == (1, b"state")


def test_there_is_nothing_at_first(store: Store) -> None:
    assert store.find() is None


def test_the_last_two_are_kept(store: Store) -> None:
    for number in range(1, 6):
        store.write(number, b"%d" % number)

    assert store.numbers() == [4, 5]
    assert found(store) == (5, b"5")


def test_no_other_file_is_left_beside_them(store: Store) -> None:
    store.write(1, b"state")

    assert [path.name for path in store.directory.iterdir()] == ["checkpoint-00000001"]


@posix_only
def test_files_and_directory_are_for_their_owner_alone(store: Store) -> None:
    path = store.write(1, b"state")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700


@given(data=st.data())
@settings(max_examples=60)
def test_a_file_with_any_change_is_not_taken_and_the_one_before_is(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = Store(tmp_path_factory.mktemp("run"))
    store.write(1, b"the one before")
    path = store.write(2, b"the newest of them")
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.integers(1, 255))

    path.write_bytes(whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :])

    newest = store.find()
    assert newest is not None
    assert newest.body == b"the one before"
    assert len(newest.damaged) == 1
    assert str(path) in newest.damaged[0]


@pytest.mark.parametrize("left", [0, 1, HEAD.size - 1, HEAD.size, HEAD.size + 3])
def test_a_file_that_was_cut_off_is_not_taken(store: Store, left: int) -> None:
    store.write(1, b"before")
    path = store.write(2, b"newest")

    os.truncate(path, left)

    assert found(store) == (1, b"before")


def test_a_file_that_goes_on_is_not_taken(store: Store) -> None:
    store.write(1, b"before")
    with store.write(2, b"newest").open("ab") as file:
        file.write(b"more")

    assert found(store) == (1, b"before")


def test_a_version_of_another_time_is_named(store: Store) -> None:
    path = store.write(1, b"state")
    whole = path.read_bytes()
    path.write_bytes(whole[:8] + b"\0\0\0\x09" + whole[12:])

    with pytest.raises(sf.CheckpointError, match="version 9, not 1"):
        store.find()


def test_where_none_is_whole_each_is_named_with_what_is_wrong(store: Store) -> None:
    store.write(1, b"one").write_bytes(b"")
    path = store.write(2, b"two")
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(sf.CheckpointError) as caught:
        store.find()

    assert "checkpoint-00000002: its checksum is wrong" in str(caught.value)
    assert "checkpoint-00000001: it is no checkpoint" in str(caught.value)


def test_what_cannot_be_read_is_passed_over(store: Store) -> None:
    store.write(1, b"before")
    store.path(2).mkdir()

    assert found(store) == (1, b"before")


@posix_only
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_could_have_written_is_refused(store: Store, mode: int) -> None:
    store.write(1, b"state").chmod(mode)

    with pytest.raises(sf.CheckpointError, match="run their code"):
        store.find()


@posix_only
def test_a_file_of_somebody_else_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(1, b"state")
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    path = store.path(1)
    if path.stat().st_uid == 0:  # root's are everybody's
        os.chown(path, 54_321, -1)

    with pytest.raises(sf.CheckpointError, match="chown"):
        store.find()


@pytest.mark.parametrize(
    "name", ["checkpoint-00000003.tmp", "checkpoint-3", "notes", "checkpoint-"]
)
def test_other_files_are_no_checkpoints(store: Store, name: str) -> None:
    store.write(1, b"state")
    (store.directory / name).write_bytes(b"?")

    assert found(store) == (1, b"state")


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-00000007.tmp").write_bytes(b"half")
    store = Store(tmp_path)

    store.open()

    assert list(tmp_path.iterdir()) == []
    store.close()


def test_a_disk_that_is_full_leaves_the_ones_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(1, b"before")

    def full(file: int, data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(sf.CheckpointError, match=r"checkpoint-00000002.*No space left"):
            store.write(2, b"newest")

    assert found(store) == (1, b"before")
    assert store.numbers() == [1]
    assert len(list(store.directory.iterdir())) == 1


def test_a_write_in_pieces_is_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def short(file: int, data: memoryview) -> int:
        return write(file, data[:3])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        store.write(1, b"a longer state")

    assert found(store) == (1, b"a longer state")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(sf.CheckpointError, match="file"):
        Store(tmp_path / "file" / "run").open()


def test_a_directory_that_cannot_be_written_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(sf.CheckpointError, match="Read-only"):
        Store(tmp_path).open()


@posix_only
def test_a_directory_is_one_runs_alone_until_it_lets_go(store: Store) -> None:
    other = Store(store.directory)

    with pytest.raises(sf.CheckpointError, match="another run writes"):
        other.open()

    store.close()
    other.open()
    other.close()


def test_those_of_an_earlier_run_are_set_aside_and_not_lost(store: Store) -> None:
    store.write(1, b"earlier")

    names = [path.name for path in store.set_aside()]

    assert names == ["checkpoint-00000001.old"]
    assert store.find() is None
    assert (store.directory / names[0]).read_bytes().endswith(b"earlier")
