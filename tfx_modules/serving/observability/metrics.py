"""Keeps counters and latencies, and formats them for Prometheus with TensorFlow Serving's names, labels and buckets.

Names: ``/tensorflow/serving/request_count`` in its sources is ``:tensorflow:serving:request_count`` on its page
(``servables/tensorflow/util.cc``, ``util/prometheus_exporter.cc``). Those that begin with ``:bert_service:`` are this
server's own.
"""

import bisect
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

LabelValues = tuple[str, ...]

# Microseconds: 33 limits from 10, each 1.8 times the one before (about 20 minutes), and what is above.
LIMITS = tuple(10 * 1.8**power for power in range(33))
RUNTIME = "TF2"  # TensorFlow Serving's own are TF1, its session, and TFRT
BATCH_LIMITS = tuple(2.0**power for power in range(14))  # rows; ``batching_util.h``


class Counter:
    """A Prometheus counter, by label values."""

    kind = "counter"

    def __init__(self, name: str, *labels: str) -> None:
        self.name = name
        self._labels = labels
        self._counts: dict[LabelValues, int] = {}

    def add(self, *values: str) -> None:
        """Count one."""
        self._counts[values] = self._counts.get(values, 0) + 1

    def lines(self) -> Iterator[str]:
        """Yield the samples."""
        for values, count in sorted(self._counts.items()):
            yield f"{self.name}{{{_pairs(self._labels, values)}}} {count}"


class Reading:
    """A gauge or counter whose value is read when the metrics page is requested.

    Args:
        name: Prometheus' name of it.
        kind: ``gauge`` or ``counter``.
        read: returns it; called from the thread of the metrics page.
    """

    def __init__(self, name: str, kind: str, read: Callable[[], int]) -> None:
        self.name = name
        self.kind = kind
        self._read = read

    def lines(self) -> Iterator[str]:
        """Yield the sample."""
        yield f"{self.name} {self._read()}"


class Info:
    """A Prometheus gauge that is 1 for label values which describe something; read when the page is requested.

    Args:
        name: Prometheus' name of it.
        labels: the labels' names.
        read: returns the values of each line; called from the thread of the metrics page.
    """

    kind = "gauge"

    def __init__(self, name: str, labels: LabelValues, read: Callable[[], Iterable[LabelValues]]) -> None:
        self.name = name
        self._labels = labels
        self._read = read

    def lines(self) -> Iterator[str]:
        """Yield the samples."""
        for values in sorted(self._read()):
            yield f"{self.name}{{{_pairs(self._labels, values)}}} 1"


class Histogram:
    """A Prometheus histogram of durations or sizes, by label values."""

    kind = "histogram"

    def __init__(self, name: str, *labels: str, limits: tuple[float, ...] = LIMITS) -> None:
        self.name = name
        self._labels = labels
        self._limits = limits
        self._buckets: dict[LabelValues, list[int]] = {}
        self._sums: dict[LabelValues, float] = {}

    def observe(self, seconds: float, *values: str) -> None:
        """Count a duration."""
        self.count(seconds * 1e6, *values)

    def count(self, size: float, *values: str) -> None:
        """Count a size."""
        buckets = self._buckets.setdefault(values, [0] * (len(self._limits) + 1))
        buckets[bisect.bisect_left(self._limits, size)] += 1
        self._sums[values] = self._sums.get(values, 0.0) + size

    def lines(self) -> Iterator[str]:
        """Yield the samples."""
        for values, buckets in sorted(self._buckets.items()):
            pairs = _pairs(self._labels, values)
            limits = [f"{limit:g}" for limit in self._limits] + ["+Inf"]
            for limit, count in zip(limits, accumulate(buckets), strict=True):
                yield f'{self.name}_bucket{{{pairs}{"," if pairs else ""}le="{limit}"}} {count}'
            yield f"{self.name}_sum{{{pairs}}} {self._sums[values]:.0f}"
            yield f"{self.name}_count{{{pairs}}} {sum(buckets)}"


class Metrics:
    """The metrics of this server. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readings: list[Reading | Info] = []
        self._requests = Counter(":tensorflow:serving:request_count", "model_name", "status")
        self._latency = Histogram(":tensorflow:serving:request_latency", "model_name", "API", "entrypoint")
        self._runtime = Histogram(":tensorflow:serving:runtime_latency", "model_name", "API", "runtime")
        self._versions = Histogram(":bert_service:serving:version_latency", "model_name", "model_version")
        self._loads = Counter(":tensorflow:cc:saved_model:load_attempt_count", "model_path", "status")
        self._disk_errors = Counter(":bert_service:serving:disk_error_count", "place")
        self._connections_closed = Counter(":bert_service:serving:closed_connection_count", "entrypoint", "reason")
        self._warm_ups = Histogram(":tensorflow:serving:model_warmup_latency", "model_path", "status")
        self._batches = Histogram(":tensorflow:serving:batching_session:processed_batch_size", limits=BATCH_LIMITS)

    def answered(self, model: str, api: str, entrypoint: str, code: str, seconds: float) -> None:
        """Count a request; of its time, only when all was well, as TensorFlow Serving does.

        Args:
            model: a model's name; empty for one that this server does not have.
            api: ``predict`` over REST, ``Predict`` over gRPC, and so on.
            entrypoint: ``REST`` or ``GRPC``.
            code: ``OK``, ``NOT_FOUND`` and so on.
            seconds: from the request's arrival to its answer.
        """
        with self._lock:
            self._requests.add(model, code)
            if code == "OK":
                self._latency.observe(seconds, model, api, entrypoint)

    def computed(self, model: str, version: int, api: str, seconds: float) -> None:
        """Record how long a version took for a request, time in the queue included.

        Args:
            model: its name.
            version: its number.
            api: ``Predict``, ``Classify`` and so on.
            seconds: from when its inputs were there to its outputs.
        """
        with self._lock:
            self._runtime.observe(seconds, model, api, RUNTIME)
            self._versions.observe(seconds, model, str(version))

    def loaded(self, path: str, *, success: bool) -> None:
        """Count an attempt to load a version's folder."""
        with self._lock:
            self._loads.add(path, "success" if success else "fail")

    def disk_failed(self, place: str) -> None:
        """Count a look at the disk that failed: at a ``base_path``, a ``version``'s folder, the ``config_file``."""
        with self._lock:
            self._disk_errors.add(place)

    def connection_closed(self, entrypoint: str, reason: str) -> None:
        """Count a connection (of ``rest``, ``grpc``) that the server closed before its client did what it had to."""
        with self._lock:
            self._connections_closed.add(entrypoint, reason)

    def warmed(self, path: str, code: str, seconds: float) -> None:
        """Record how long the warm-up of a version's folder took, and how it ended: ``OK``, or the error's code."""
        with self._lock:
            self._warm_ups.observe(seconds, path, code)

    def batched(self, rows: int) -> None:
        """Count a batch that is computed."""
        with self._lock:
            self._batches.count(rows)

    def show(self, *readings: Reading | Info) -> None:
        """Add further metrics to the page."""
        self._readings += readings

    def page(self) -> str:
        """Return all of it as Prometheus reads it."""
        with self._lock:
            lines: list[str] = []
            counted = (self._requests, self._latency, self._runtime, self._versions, self._loads, self._warm_ups)
            others = (self._batches, self._disk_errors, self._connections_closed)
            metrics: list[Counter | Histogram | Reading | Info] = [*counted, *others, *self._readings]
            for metric in metrics:
                lines += [f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
        return "\n".join(lines) + "\n"


def _pairs(names: tuple[str, ...], values: LabelValues) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
