"""Settings of what others may see of the running gateway. Pure data, as in config.py."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from smtpgate.settingtypes import Listen, Section


def _collector(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        good = False
    if not good:
        raise ValueError('is not the URL of a collector; write for example "http://127.0.0.1:4318/v1/traces"')
    return value


class Watch(Section):
    """What others may see of it: docs/watching.md."""

    listen: list[Listen] = Field(
        default=[],
        description="Where to answer HTTP with /metrics for Prometheus, /health/live and /health/ready. Empty: nowhere. Whoever can"
        " connect may ask. Needs the extra: pip install smtpgate[web].",
    )
    traces: Annotated[str, AfterValidator(_collector)] | None = Field(
        default=None,
        description="Send a trace of each mail to this OpenTelemetry collector, OTLP over HTTP:"
        ' "http://127.0.0.1:4318/v1/traces". Needs the extra: pip install smtpgate[traces].',
    )
    traces_share: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description="The share of mails that are traced: the same mails on all nodes where it is the same.",
    )
