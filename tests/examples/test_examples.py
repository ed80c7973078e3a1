"""The examples: each runs as it stands, without arguments, and shows what it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

SHOWN = {
    "audio_meter.py": (r"-9.2 dBFS  ####", "drawn: "),
    "branch_merge.py": ("1.9 s   brightness", "copied for the branches: "),
    "detect_table.py": ("'frame': [0, 1, 2, 3, 4]", "54 found, 6 pictures skipped"),
    "fan_out.py": ("brightness  105.8, measured in process", "30 pictures, copied: 0 bytes"),
    "functions.py": ("5. lazy has 4 letters", "filtered: 4"),
    "live_preview.py": ("seen 0.00 s, 160x90\n", "paused\n", "the preview skipped "),
    "shrink.py": ("film.mp4: ", "small.mp4: ", "90 pictures in "),
}


def run_example(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of examples/, warnings as errors, its temporary files in a folder."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_an_example_shows_what_it_promises(name: str, tmp_path: Path) -> None:
    done = run_example(name, tmp_path)

    assert done.returncode == 0, done.stderr
    for words in SHOWN[name]:
        assert words in done.stdout


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_fits_on_a_page(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) < 60


@pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets")
def test_two_programs_share_frames(tmp_path: Path) -> None:
    path = str(tmp_path / "frames.sock")
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(run_example, "frame_receiver.py", tmp_path, path)
        sending = pool.submit(run_example, "frame_sender.py", tmp_path, path)
        receiver, sender = reading.result(), sending.result()

    assert (receiver.returncode, sender.returncode) == (0, 0), receiver.stderr + sender.stderr
    assert "100 frames sent, 6220800 bytes written for each" in sender.stdout
    assert "3.00 s: the bar is at 1200\n100 frames read, 0 lost" in receiver.stdout


@pytest.mark.slow
def test_the_examples_for_files_take_a_file(tmp_path: Path) -> None:
    run_example("shrink.py", tmp_path)
    film = str(next(tmp_path.glob("streamflow-*/film.mp4")))

    shrunk = run_example("shrink.py", tmp_path, film, "again.mp4")
    heard = run_example("audio_meter.py", tmp_path, film)

    assert (shrunk.returncode, heard.returncode) == (0, 0), shrunk.stderr + heard.stderr
    assert (tmp_path / "again.mp4").exists()
    assert heard.stdout.count("dBFS") > 20
