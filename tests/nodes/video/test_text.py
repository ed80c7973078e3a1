from __future__ import annotations

import numpy as np

from streamflow.nodes.video.text import MAX_GLYPHS, Typesetter


def test_ink_is_even_in_size_and_leaves_the_margins_blank() -> None:
    ink = Typesetter(20).set("Wide text", above=6, beside=12)

    assert ink.shape[0] % 2 == ink.shape[1] % 2 == 0
    assert not ink[:6].any()
    assert not ink[:, :11].any()
    assert not ink[:, -11:].any()
    assert ink.max() == 255


def test_longer_text_is_wider() -> None:
    setter = Typesetter(20)

    assert setter.set("ab").shape[1] < setter.set("abab").shape[1]


def test_the_same_text_gives_the_same_ink() -> None:
    setter = Typesetter(16)

    assert np.array_equal(setter.set("again"), setter.set("again"))


def test_glyphs_do_not_pile_up() -> None:
    setter = Typesetter(8)

    for code in range(32, 32 + MAX_GLYPHS + 50):
        setter.set(chr(code))

    assert len(setter._glyphs) == MAX_GLYPHS


def test_empty_lines_have_their_height() -> None:
    setter = Typesetter(16)

    assert setter.set("a\n\nb").shape[0] > setter.set("a\nb").shape[0]
