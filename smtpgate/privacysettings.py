"""Settings of what people may ask about their own data by mail. Pure data, as in config.py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smtpgate.settingtypes import Bytes, Seconds, Section


class Privacy(Section):
    """What people may ask about their own data by mail: docs/privacy.md."""

    export: Literal["off", "ask", "self"] = Field(
        default="ask",
        description='A customer who replies "export my data", proved by the domain\'s signature, and confirms it. off: an answer'
        " like any other; ask: the ticket's agents and the postmaster hear of it, and an admin runs `smtpgate person"
        " export`; self: the data go out by themselves.",
    )
    erase: Literal["off", "ask", "self"] = Field(
        default="ask",
        description='The same of "erase my data": ask: an admin runs `smtpgate person erase`; self: it is done by itself after'
        " erase_after.",
    )
    confirm_within: Seconds = Field(
        default=2 * 86400.0, gt=0, description="How long the question whether it is meant can be answered."
    )
    erase_after: Seconds = Field(
        default=86400.0,
        description='With erase = "self": how long after the confirmation it is done. Until then it can be called off by mail.',
    )
    export_size: Bytes = Field(
        default=10 * 1024**2,
        ge=65536,
        le=100 * 1024**2,
        description="The largest zip file that goes out by mail. Of a larger one agents hear, and an admin hands it over.",
    )
    requests_per_day: int = Field(default=3, ge=1, le=100, description="Of one person; further ones are answers like any other.")
