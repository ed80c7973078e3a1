"""Mixing: sounds are added up by their time, not by their order of arrival."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from streamflow.context import NodeContext
from streamflow.frames import AudioFrame
from streamflow.node import Node
from streamflow.nodes.audio.sound import (
    allocate_samples,
    check_audio,
    check_caps,
    sample_index,
    unit_samples,
)
from streamflow.nodes.audio.timeline import Timeline
from streamflow.ports import Audio, Ports

ROUNDING: Final = 0.005
"""Seconds: steps up to this size come from time bases of milliseconds, and are none."""


class Mix(Node):
    """Adds up the sounds of several inputs, ``in_0``, ``in_1`` and so on.

    Samples are aligned by pts; a frame without a pts follows the one before on
    its port. Where an input has nothing there is silence. A stretch is emitted
    as soon as every input has reached its end, or has fallen ``max_wait``
    behind; samples that come for a stretch that has been emitted are dropped,
    and counted in ``late``.

    Output is float32 and may exceed -1 to 1; pts count in units of 1 / rate; no
    frame is longer than a second.

    Args:
        inputs: number of inputs.
        weights: factor for each input; None takes all as they are.
        rate: samples per second to ask all inputs for; None takes that of the
            first frame, which all others must have too.
        layout: channel layout, likewise.
        max_wait: seconds of sound to hold back at most for an input that is behind.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {}
    outputs: ClassVar[Ports] = {"out": Audio("fltp")}

    def __init__(
        self,
        inputs: int = 2,
        weights: Sequence[float] | None = None,
        rate: int | None = None,
        layout: str | None = None,
        max_wait: float = 10.0,
    ) -> None:
        if inputs < 1:
            raise ValueError(f"inputs must be 1 or more, not {inputs}")
        if weights is not None and len(weights) != inputs:
            raise ValueError(f"weights must be {inputs} numbers, not {len(weights)}")
        if max_wait <= 0:
            raise ValueError(f"max_wait must be more than 0 seconds, not {max_wait}")
        check_caps(None, rate, layout)
        port = Audio("fltp", rate, layout)
        names = [f"in_{number}" for number in range(inputs)]
        # ClassVars of the base: how many ports there are is the instance's own.
        self.inputs = dict.fromkeys(names, port)  # type: ignore[misc]
        self.outputs = {"out": port}  # type: ignore[misc]
        self.weights = dict(zip(names, weights or [1.0] * inputs, strict=True))
        self.max_wait = max_wait
        self._forget()

    def _forget(self) -> None:
        self.late = 0
        self._line: Timeline | None = None
        self._begun = False
        self._ends: dict[str, int] = {}
        self._caps = ("", 0)

    def initialize(self, ctx: NodeContext) -> None:
        """Take the memory that frames live in."""
        self._allocate = ctx.allocate
        self._forget()

    def process(self, frame: AudioFrame, port: str = "in_0") -> Iterator[AudioFrame]:
        """Add a frame; yield the stretch that is complete.

        Raises:
            ValueError: rate or layout are not those of the first frame.
        """
        check_audio(self, frame)
        line = self._line_for(frame, port)
        place = self._place(frame, port)
        end = self._ends[port] = place + frame.samples_per_channel
        if place < line.start and not self._begun:
            line.begin_at(place)
        limit = round(self.max_wait * frame.rate)
        # What is too far behind goes before the frame is added: a jump of pts
        # must not make the line as long as the jump.
        yield from self._emit(line, min(place, end - limit), frame)
        samples = unit_samples(frame) * self.weights[port]
        missed = min(max(line.start - place, 0), samples.shape[1])
        self.late += missed
        line.add(place + missed, samples[:, missed:])
        reached = line.end - limit
        if len(self._ends) == len(self.weights):
            reached = max(reached, min(self._ends.values()))
        yield from self._emit(line, reached, frame)

    def get_state(self) -> tuple[Any, ...]:
        """The sound that is held, and where each input stands."""
        return self.late, self._line, self._begun, self._ends, self._caps

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Go on with this sound."""
        self.late, self._line, self._begun, self._ends, self._caps = state

    def flush(self) -> Iterator[AudioFrame]:
        """Yield what is still held."""
        if self._line is not None:
            yield from self._emit(self._line, self._line.end, None)
        self._line, self._begun, self._ends = None, False, {}

    def cleanup(self) -> None:
        """Let the held sound go."""
        self._line = None

    def _line_for(self, frame: AudioFrame, port: str) -> Timeline:
        caps = (frame.layout, frame.rate)
        if self._line is None:
            self._line = Timeline(frame.channels, sample_index(frame) or 0)
            self._caps = caps
        if caps != self._caps:
            raise ValueError(
                f"Mix began with {self._caps[0]} at {self._caps[1]} Hz, but {port} brings "
                f"{caps[0]} at {caps[1]} Hz; give Mix a rate and a layout"
            )
        return self._line

    def _place(self, frame: AudioFrame, port: str) -> int:
        index, end = sample_index(frame), self._ends.get(port)
        if index is None:
            return 0 if end is None else end
        if end is not None and abs(index - end) <= frame.rate * ROUNDING:
            return end
        return index

    def _emit(self, line: Timeline, end: int, cause: AudioFrame | None) -> Iterator[AudioFrame]:
        layout, rate = self._caps
        while line.start < end:
            self._begun = True
            start, count = line.start, min(end - line.start, rate)
            memory, channels = allocate_samples(self._allocate, "fltp", layout, count)
            channels[:] = line.take(count)
            made = AudioFrame(memory, "fltp", layout=layout, rate=rate, pts=start)
            if cause is not None:
                made.metadata = cause.metadata
            yield made
