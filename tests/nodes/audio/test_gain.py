from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.frames import AudioFrame
from streamflow.nodes import Gain
from tests.nodes.drive import audio, drive, sounds


@given(
    samples=st.lists(st.floats(-1, 1, width=32), max_size=20),
    factor=st.floats(-4, 4),
    db=st.floats(-40, 12),
)
def test_samples_are_multiplied(samples: list[float], factor: float, db: float) -> None:
    (made,) = drive(Gain(db, factor), [audio(samples)])

    expected = np.array([samples]) * factor * 10 ** (db / 20)
    assert np.allclose(made.samples, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("format", ["s16", "s16p", "s32", "s32p"])
def test_integers_saturate(format: str) -> None:
    (frame,) = sounds(1, format=format, volume=0.9)

    (made,) = drive(Gain(db=20), [frame])

    limits = np.iinfo(made.samples.dtype)
    assert (made.samples.min(), made.samples.max()) == (limits.min, limits.max)
    assert made.format == format


def test_halves_are_exact_in_integers() -> None:
    samples = np.array([[1000, -1000, 32767]], np.int16)

    (made,) = drive(Gain(factor=0.5), [AudioFrame(samples, "s16p")])

    assert made.samples.tolist() == [[500, -500, 16384]]


def test_a_gain_of_one_passes_the_same_object() -> None:
    (frame,) = sounds(1)

    assert drive(Gain(), [frame])[0] is frame


def test_time_and_metadata_stay() -> None:
    frame = sounds(1)[0].replace(pts=7, time_base=Fraction(1, 10), metadata={"a": 1})

    (made,) = drive(Gain(-6), [frame])

    assert (made.pts, made.time_base, made.metadata) == (7, Fraction(1, 10), {"a": 1})


@pytest.mark.parametrize("name", ["db", "factor"])
def test_a_gain_is_finite(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be finite, not inf"):
        Gain(**{name: float("inf")})


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Gain needs audio frames, not dict"):
        drive(Gain(), [{}])
