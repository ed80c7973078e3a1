"""iceoryx2: publish and subscribe with loaned samples, and an event for each, to sleep until it."""

from __future__ import annotations

import ctypes
import importlib
from typing import Any, ClassVar

import numpy as np

from benchmarks.ipc.peers.base import Bytes, Cable, Lossless, Plain, Play, look, ready_made

HELD = 8
"""Samples that a subscriber may hold, as many as our leases."""


class Iceoryx(Plain):
    """iceoryx2 as its examples of event-based communication use it; nothing is dropped."""

    title: ClassVar[str] = "iceoryx2"
    needs: ClassVar[tuple[str, ...]] = ("iceoryx2",)
    copies: ClassVar[int] = 0

    def __init__(self, side: str, play: Play, given: Any) -> None:
        super().__init__(side, play, given)
        self.library: Any = importlib.import_module("iceoryx2")
        self.library.set_log_level(self.library.LogLevel.Error)
        self.node = self.make_node()
        self.ends: list[Any] = []

    def make_node(self) -> Any:
        """A node whose files bear this stage's name, so that what stays behind is known."""
        library = self.library
        config = library.config.default()
        config.global_cfg.root_path = library.Path.new(str(self.play.folder / "iceoryx2"))
        config.global_cfg.prefix = library.FileName.new(f"sf_{self.play.token}_")
        return library.NodeBuilder.new().config(config).create(library.ServiceType.Ipc)

    def services(self, cable: Cable) -> tuple[Any, Any]:
        """The service of a cable's frames, and that of its events."""
        library = self.library
        frames = (
            self.node.service_builder(library.ServiceName.new(cable.name))
            .publish_subscribe(library.Slice[ctypes.c_uint8])
            .enable_safe_overflow(False)
            .subscriber_max_buffer_size(cable.depth)
            .subscriber_max_borrowed_samples(HELD)
            .max_subscribers(len(cable.readers))
            .max_publishers(1)
            .open_or_create()
        )
        name = library.ServiceName.new(f"{cable.name}/events")
        return frames, self.node.service_builder(name).event().open_or_create()

    def sender(self, cable: Cable) -> IceoryxSender:
        """Makes a publisher and a notifier."""
        frames, events = self.services(cable)
        retry = self.library.BackpressureStrategy.RetryUntilDelivered
        builder = frames.publisher_builder().initial_max_slice_len(cable.size)
        publisher = builder.backpressure_strategy(retry).create()
        notifier = events.notifier_builder().create()
        self.ends += [publisher, notifier, frames, events]
        return IceoryxSender(publisher, notifier, cable.size)

    def receiver(self, cable: Cable) -> IceoryxReceiver:
        """Makes a subscriber and a listener."""
        frames, events = self.services(cable)
        subscriber = frames.subscriber_builder().create()
        listener = events.listener_builder().create()
        self.ends += [subscriber, listener, frames, events]
        return IceoryxReceiver(subscriber, listener)

    def close(self) -> None:
        """Each removes its files when it goes."""
        for end in self.ends:
            if hasattr(end, "delete"):
                end.delete()
        self.ends.clear()
        del self.node


class IceoryxSender(Lossless):
    """See `Iceoryx`."""

    def __init__(self, publisher: Any, notifier: Any, size: int) -> None:
        self.publisher, self.notifier, self.size = publisher, notifier, size
        self.payloads, self.array = ready_made(size), ctypes.c_uint8 * size

    def send(self, mark: int) -> None:
        """Loan a sample, write it, send it, and wake the readers."""
        sample = self.publisher.loan_slice_uninit(self.size)
        if self.payloads:
            ctypes.memmove(sample.payload_ptr, self.payloads[mark], self.size)
        else:
            self.view(sample).fill(mark)
        self.post(sample)

    def view(self, sample: Any) -> Bytes:
        """An array over a sample."""
        return np.ctypeslib.as_array(self.array.from_address(sample.payload_ptr))

    def post(self, sample: Any) -> None:
        """Send a sample that has been written."""
        sample.assume_init().send()
        self.notifier.notify()


class IceoryxReceiver(Lossless):
    """See `Iceoryx`."""

    def __init__(self, subscriber: Any, listener: Any) -> None:
        self.subscriber, self.listener = subscriber, listener

    def wait(self) -> Any:
        """The next sample."""
        while (sample := self.subscriber.receive()) is None:
            self.listener.blocking_wait()
        return sample

    def take(self) -> int:
        """Read a sample where it lies, then give it back."""
        sample = self.wait()
        mark = look(np.frombuffer(sample.payload().as_memory_view(), np.uint8))
        sample.delete()
        return mark

    def forward(self, sender: IceoryxSender) -> int:
        """Copy a sample into a loaned one: a publisher sends only memory of its own."""
        sample = self.wait()
        loaned = sender.publisher.loan_slice_uninit(sender.size)
        np.copyto(sender.view(loaned), np.frombuffer(sample.payload().as_memory_view(), np.uint8))
        sender.post(loaned)
        sample.delete()
        return 0
