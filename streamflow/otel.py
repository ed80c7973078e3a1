"""OpenTelemetry: what runs report, as observable instruments of the program's meter provider."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Self
from weakref import WeakKeyDictionary

from opentelemetry import metrics as api

from streamflow.execution import Execution
from streamflow.export import FAMILIES, Family
from streamflow.metrics import Report

UNITS: Final = ("_total", "_seconds", "_bytes")
"""Ends of Prometheus's names: OpenTelemetry says these things beside the name."""


class Observation:
    """An execution that is observed, until `close`; a context manager.

    When the execution has ended, what it last reported goes on being observed,
    so that no reader misses it.

    Args:
        execution: it.
        attributes: what is added to each measurement.
        forget: called by `close`.
    """

    def __init__(
        self,
        execution: Execution,
        attributes: Mapping[str, str],
        forget: Callable[[Observation], None],
    ) -> None:
        self.attributes = {"pipeline": execution.name, **attributes}
        self._forget = forget
        self._execution: Execution | None = execution
        self._report = execution.metrics()
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Observe it no more."""
        self._forget(self)

    def report(self, instrument: str) -> Report:
        """What an instrument is to tell: one snapshot serves a whole collection."""
        with self._lock:
            execution = self._execution
            if execution is not None and (not self._told or instrument in self._told):
                ended = execution.state.final
                self._report = execution.metrics()
                self._told.clear()
                if ended:
                    # Nodes and results need not be kept for the figures.
                    self._execution = None
            self._told.add(instrument)
            return self._report


class _Instruments:
    """The instruments of one meter provider: they can be made once, and never taken back."""

    def __init__(self, provider: api.MeterProvider) -> None:
        self._observed: dict[frozenset[tuple[str, str]], Observation] = {}
        meter = provider.get_meter("streamflow")
        for family in FAMILIES:
            name = instrument_name(family)
            counts = family.kind == "counter"
            create = meter.create_observable_counter if counts else meter.create_observable_gauge
            create(name, [partial(self._measure, name, family, "")], family.unit, family.help)
            if family.kind == "summary":
                # A gauge has its quantiles; these two only grow.
                for part, unit in (("sum", family.unit), ("count", "{call}")):
                    look = partial(self._measure, f"{name}_{part}", family, f"_{part}")
                    meter.create_observable_counter(f"{name}_{part}", [look], unit, family.help)

    def _measure(
        self, name: str, family: Family, suffix: str, _options: api.CallbackOptions
    ) -> Iterable[api.Observation]:
        for observation in list(self._observed.values()):
            for sample in family.samples(observation.report(name)):
                if sample.suffix == suffix:
                    attributes = {**observation.attributes, **sample.labels}
                    yield api.Observation(sample.value, attributes)

    def observe(self, execution: Execution, attributes: Mapping[str, str]) -> Observation:
        """Begin; whatever had the same attributes has made room."""
        observation = Observation(execution, attributes, self._forget)
        self._observed[frozenset(observation.attributes.items())] = observation
        return observation

    def _forget(self, observation: Observation) -> None:
        key = frozenset(observation.attributes.items())
        if self._observed.get(key) is observation:
            del self._observed[key]


_instruments: Final[WeakKeyDictionary[api.MeterProvider, _Instruments]] = WeakKeyDictionary()
_lock: Final = threading.Lock()


def instrument_name(family: Family) -> str:
    """What OpenTelemetry calls a family.

    >>> [instrument_name(family) for family in FAMILIES[:4]][1:]
    ['streamflow.run.duration', 'streamflow.run.warnings', 'streamflow.node.items_received']
    """
    name = family.name
    for end in UNITS:
        name = name.removesuffix(end)
    return f"streamflow.{name.replace('_', '.', 1)}"


def observe(
    execution: Execution,
    *,
    provider: api.MeterProvider | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Observation:
    """Let a meter provider's readers see what an execution does, whenever they collect.

    It needs ``pip install streamflow-media[otel]``. Each measurement has the
    attribute ``pipeline``, and ``node``, ``edge`` or ``process``. A second
    execution with the same attributes takes the first one's place.

    Args:
        execution: begun or not.
        provider: the program's by default, which is to be set before.
        attributes: what is added to each measurement; they keep executions of one
            pipeline apart that run at once.

    >>> import asyncio
    >>> from opentelemetry.sdk.metrics import MeterProvider
    >>> from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    >>> from streamflow.nodes import PassThrough
    >>> from streamflow.pipeline import Pipeline
    >>> reader = InMemoryMetricReader()
    >>> provider = MeterProvider([reader])
    >>> async def main():
    ...     execution = Pipeline(PassThrough()).start([1, 2], clock="offline", collect=True)
    ...     with observe(execution, provider=provider):
    ...         async with execution:
    ...             await execution.wait()
    ...         return reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    >>> found = {metric.name: metric.data.data_points[0].value for metric in asyncio.run(main())}
    >>> found["streamflow.node.items_received"]
    2
    """
    provider = provider or api.get_meter_provider()
    with _lock:
        found = _instruments.get(provider)
        if found is None:
            found = _instruments[provider] = _Instruments(provider)
    return found.observe(execution, attributes or {})
