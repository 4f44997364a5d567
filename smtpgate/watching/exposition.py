"""The text that Prometheus reads, in whichever of its formats it asks for. The one home of prometheus_client (extra `web`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from smtpgate import metrics
from smtpgate.metrics import Counter, Histogram, Snapshot
from smtpgate.watching.gauges import GAUGES, Read


class _Given(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def text(counted: Snapshot, read: Read, accept: str) -> tuple[bytes, str]:
    """The octets and their Content-Type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given([*_counted(counted), *_read(read)]))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


def _counted(counted: Snapshot) -> Iterator[Metric]:
    for metric in metrics.ALL:
        values = counted[metric.name]
        labels = [metric.label] if metric.label else []
        match metric:
            case Counter():
                counter = CounterMetricFamily(metric.name, metric.says, labels=labels)
                for label, (value,) in values.items():
                    counter.add_metric([label] if labels else [], value)
                yield counter
            case Histogram():
                histogram = HistogramMetricFamily(metric.name, metric.says, labels=labels)
                bounds = [*map(str, metric.bounds), "+Inf"]
                for label, found in values.items():
                    buckets = list(zip(bounds, accumulate(found[:-1]), strict=True))
                    histogram.add_metric([label] if labels else [], buckets, sum_value=found[-1])
                yield histogram


def _read(read: Read) -> Iterator[Metric]:
    for name, values in read.items():
        gauge = GAUGES[name]
        family = GaugeMetricFamily(gauge.name, gauge.says, labels=[gauge.label] if gauge.label else [])
        for label, value in values.items():
            family.add_metric([label] if gauge.label else [], value)
        yield family
