"""What the server counts, for Prometheus."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from ..version import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        build = Gauge("got_ocr_build_info", "The version, as a label.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)
        self.requests = Counter(
            "got_ocr_requests", "Requests answered.", ["endpoint", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "got_ocr_request_seconds",
            "Seconds a request took.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "got_ocr_requests_in_progress", "Requests that wait or are read.", registry=self.registry
        )
        self.cancelled = Counter(
            "got_ocr_requests_cancelled", "Requests whose client went away.", registry=self.registry
        )
        self.pages = Counter("got_ocr_pages", "Pages by how they ended.", ["finish_reason"], registry=self.registry)
        self.prompt_tokens = Counter("got_ocr_prompt_tokens", "Tokens of prompts.", registry=self.registry)
        self.generated_tokens = Counter("got_ocr_generated_tokens", "Tokens of answers.", registry=self.registry)
        self.batch_pages = Histogram(
            "got_ocr_batch_documents",
            "Documents read at once.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "got_ocr_batch_seconds", "Seconds a batch took to read.", buckets=_SECONDS, registry=self.registry
        )
        self._mean_seconds = 1.0

    def count_request(self, endpoint: str, status: int, start: float) -> None:
        """Count an answered request.

        Args:
            endpoint: Its path, or `other`.
            status: The HTTP status.
            start: When it came, by `time.perf_counter`.
        """
        self.requests.labels(endpoint, str(status)).inc()
        self.request_seconds.labels(endpoint).observe(time.perf_counter() - start)

    def count_batch(self, size: int, seconds: float) -> None:
        """Count a batch.

        Args:
            size: Documents in it.
            seconds: That it took.
        """
        self.batch_pages.observe(size)
        self.batch_seconds.observe(seconds)
        # A running mean, for what Retry-After says.
        self._mean_seconds += 0.2 * (seconds / size - self._mean_seconds)

    def retry_after_s(self, num_waiting: int) -> int:
        """Guess when there is room again: when a quarter of those that wait now have been read.

        Args:
            num_waiting: Requests in the server.

        Returns:
            Seconds, from 1 to 120.
        """
        return int(min(max(1.0, self._mean_seconds * num_waiting / 4), 120.0))

    def render(self) -> bytes:
        """Write all of it in Prometheus' text format."""
        return generate_latest(self.registry)
