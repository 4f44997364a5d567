"""Settings of what others may see of the running gateway. Pure data, as in config.py."""

from __future__ import annotations

from pydantic import Field

from smtpgate.settingtypes import Listen, Section


class Watch(Section):
    """What others may see of it: docs/watching.md."""

    listen: list[Listen] = Field(
        default=[],
        description="Where to answer HTTP with /metrics for Prometheus, /health/live and /health/ready. Empty: nowhere. Whoever can"
        " connect may ask. Needs the extra: pip install smtpgate[web].",
    )
