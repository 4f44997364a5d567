"""Traces of mails by OpenTelemetry (extra `traces`): one trace for each mail, a span for each step, whichever process and node
it is on. The one home of its library.

The ids come from the mail's id alone, so nothing has to be handed from process to process, or kept with the mail: whoever
has a step of it in hand knows its trace and the span above. Spans go out in the background; what cannot be sent is dropped,
counted, and told once a minute. Nothing here raises.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from functools import lru_cache

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from smtpgate import __version__, metrics
from smtpgate.clock import SystemClock
from smtpgate.watchsettings import Watch

log = structlog.get_logger(__name__)

_TIMEOUT = 5.0  # seconds for one batch
_FLUSH = 2000  # milliseconds at a stop
_SILENCE = 60.0  # seconds between two lines about what could not be sent


class Traces:
    """Of one process, from now until stop(): process is its name, node that of the gateway."""

    def __init__(self, settings: Watch, node: str, process: str) -> None:
        assert settings.traces is not None
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # _Exporter tells, and less often
        self._clock, self._ids = SystemClock(), _Ids()
        self._bound = int(settings.traces_share * 2**64)
        about = {
            "service.name": "smtpgate",
            "service.version": __version__,
            "service.instance.id": node,
            "smtpgate.process": process,
        }
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create(about), shutdown_on_exit=False, id_generator=self._ids
        )
        self._provider.add_span_processor(BatchSpanProcessor(_Exporter(settings.traces)))
        self._tracer = self._provider.get_tracer("smtpgate", __version__)
        metrics.on_step = self.step

    def step(self, name: str, seconds: float, mail: str) -> None:
        """A step of a mail has just ended."""
        trace_id, root, fate = _of(mail)
        if fate >= self._bound:
            return
        end = int(self._clock.now() * 1e9)
        began = end - int(seconds * 1e9)
        if name == metrics.ACCEPT:
            self._ids.next = trace_id, root
            span = self._tracer.start_span(name, trace.set_span_in_context(trace.INVALID_SPAN), start_time=began)
            span.set_attribute("smtpgate.mail", mail)
        else:
            above = SpanContext(trace_id, root, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
            span = self._tracer.start_span(name, trace.set_span_in_context(NonRecordingSpan(above)), start_time=began)
        span.end(end)

    def stop(self) -> None:
        """Send what is left. Blocks, for a moment."""
        if metrics.on_step == self.step:
            metrics.on_step = None
        self._provider.force_flush(_FLUSH)
        self._provider.shutdown()


@lru_cache(256)
def _of(mail: str) -> tuple[int, int, int]:
    """The trace and the span of a mail, and a number below 2**64 that says whether it is among those that are traced."""
    digest = hashlib.sha256(b"smtpgate trace " + mail.encode()).digest()
    return int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:24]) or 1, int.from_bytes(digest[24:])


class _Ids(RandomIdGenerator):
    """Those of `next` for the span that is started now, if there are any."""

    next: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return self.next[0] if self.next else super().generate_trace_id()

    def generate_span_id(self) -> int:
        if self.next is None:
            return super().generate_span_id()
        found, self.next = self.next[1], None
        return found


class _Exporter(SpanExporter):
    def __init__(self, url: str) -> None:
        self._url = url
        self._inner = OTLPSpanExporter(endpoint=url, timeout=_TIMEOUT)
        self._told = -_SILENCE

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._inner.export(spans)
        except Exception:  # whatever a network can do
            result = SpanExportResult.FAILURE
        sent = result is SpanExportResult.SUCCESS
        metrics.SPANS.inc("sent" if sent else "lost", len(spans))
        if not sent and time.monotonic() - self._told >= _SILENCE:
            self._told = time.monotonic()
            log.warning("traces cannot be sent", url=self._url, spans=len(spans), more="not logged in this minute")
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True
