"""``/metrics``: the figures of the ledger, as Prometheus reads them.

Whoever scrapes never loads the ledger: what was read is told again for some seconds, to however many ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from time import monotonic
from typing import cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from leasehold.core.errors import Unavailable
from leasehold.core.happening import STEPS, Histogram
from leasehold.core.units import SECOND
from leasehold.flow.figures import FAMILIES, Family, Sample, Spending, samples
from leasehold.web.source import Source

FRESH = 5.0
"""Seconds for which what was read is told again."""


class Figures(Collector):
    """Reads the ledger when it is asked; nothing is kept but counts of requests."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._spending = Spending()

    def collect(self) -> Iterator[Metric]:
        """Every family with its samples."""
        views = self._source.views
        queues, pulse = views.queues(), views.pulse()
        self._spending.read(views, pulse.now)
        metrics = {family.name: metric_of(family) for family in FAMILIES}
        for sample in samples(queues, pulse, self._spending, *self._source.tariff):
            add(metrics[sample.family], sample)
        yield from metrics.values()


def metric_of(family: Family) -> Metric:
    """A family without samples."""
    kinds = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily, "histogram": HistogramMetricFamily}
    return kinds[family.kind](family.name, family.help, labels=family.labels)


def add(metric: Metric, sample: Sample) -> None:
    """Put one sample into its family."""
    labels = [
        label.encode("utf-8", "replace").decode() for label in sample.labels
    ]  # half a surrogate pair has no UTF-8
    if isinstance(sample.value, Histogram):
        steps, times, ms = sample.value
        bounds = [*(str(step / SECOND) for step in STEPS), "+Inf"]
        buckets = list(zip(bounds, [*steps, times], strict=True))
        cast("HistogramMetricFamily", metric).add_metric(labels, buckets, ms / SECOND)
    else:
        cast("GaugeMetricFamily", metric).add_metric(labels, sample.value)


class Exposition:
    """The text, made anew when it is older than ``FRESH``. Used by many threads at once; one of them makes it.

    That it cannot be made is told again as long: while a ledger is away each try may take seconds, and scrapers that
    waited in line for one of their own each would take all threads of the dashboard.
    """

    def __init__(self, source: Source, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Figures(source))
        self._lock = Lock()
        self._made: tuple[float, bytes | Unavailable] | None = None

    def text(self) -> bytes:
        """As it goes over the wire. Raises what the views raise."""
        with self._lock:
            if self._made is None or self._clock() - self._made[0] >= FRESH:
                made = self._make()
                self._made = self._clock(), made
            _, told = self._made
        if isinstance(told, Unavailable):
            raise told.with_traceback(None)
        return told

    def _make(self) -> bytes | Unavailable:
        try:
            return generate_latest(self._registry)
        except Unavailable as error:
            return error
