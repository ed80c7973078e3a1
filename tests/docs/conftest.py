"""What the pages of the documentation find in their folder: a clip, and the commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of 320x180 H.264 at 25 frames a second, with a 440 Hz tone."""
    path = tmp_path_factory.mktemp("clip") / "in.mp4"
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        audio = container.add_stream("aac", rate=48_000)
        audio.layout = "stereo"
        for index in range(50):
            picture = np.full((180, 320, 3), index * 5, np.uint8)
            picture[:, index * 6 : index * 6 + 20] = (255, 128, 0)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
            times = np.arange(index * 1_920, (index + 1) * 1_920) / 48_000
            tone = (0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
            sound = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
            sound.sample_rate, sound.pts, sound.time_base = (
                48_000,
                index * 1_920,
                Fraction(1, 48_000),
            )
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


@pytest.fixture
def page_folder(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to run a page in, with ``in.mp4`` in it and ``streamflow`` on the path."""
    folder, scripts = tmp_path / "page", tmp_path / "bin"
    folder.mkdir()
    scripts.mkdir()
    (folder / "in.mp4").write_bytes(clip.read_bytes())
    script = scripts / "streamflow"
    script.write_text(
        f"#!{sys.executable}\n"
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, '.']\n"
        "from streamflow.cli import main; main()\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    interpreter = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}:{interpreter}:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    modules = set(sys.modules)
    yield folder
    # What a page wrote to a file and imported is gone with the folder.
    for name in set(sys.modules) - modules:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin and Path(origin).is_relative_to(folder):
            del sys.modules[name]
