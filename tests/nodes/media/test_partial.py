from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamflow.nodes.media.partial import PartialFile
from tests.support.media import left_over


def test_the_final_name_appears_with_all_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    partial = PartialFile(str(path))

    partial.write(b"hello world")
    partial.seek(0)
    partial.write(b"HELLO")

    assert partial.tell() == 5
    assert not path.exists()
    partial.commit()
    assert partial.closed
    assert path.read_bytes() == b"HELLO world"
    assert left_over(tmp_path, "a.bin") == []


def test_the_hidden_name_keeps_the_ending(tmp_path: Path) -> None:
    partial = PartialFile(str(tmp_path / "clip.mkv"))

    hidden = Path(partial.name).name
    assert hidden.startswith(".clip.partial-")
    assert hidden.endswith(".mkv")
    partial.discard()


def test_a_discarded_file_leaves_nothing(tmp_path: Path) -> None:
    partial = PartialFile(str(tmp_path / "a.bin"))
    partial.write(b"hello")

    partial.discard()
    partial.discard()

    assert left_over(tmp_path) == []


def test_discarding_after_the_commit_leaves_the_file(tmp_path: Path) -> None:
    partial = PartialFile(str(tmp_path / "a.bin"))
    partial.commit()

    partial.discard()

    assert left_over(tmp_path) == ["a.bin"]


def test_a_disk_that_takes_a_part_at_a_time_gets_all(tmp_path: Path) -> None:
    partial = PartialFile(str(tmp_path / "a.bin"))
    real = partial._file

    class Slow:
        closed = False

        def write(self, data: memoryview) -> int:
            return real.write(data[:3])

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    partial._file = Slow()  # type: ignore[assignment]

    assert partial.write(b"hello world") == 11
    partial.commit()
    assert (tmp_path / "a.bin").read_bytes() == b"hello world"


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        PartialFile(str(tmp_path))
