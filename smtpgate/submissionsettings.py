"""Settings of the listener at which agents' mail clients send. config.py puts them together with the rest.

Pure data; building one from bad values raises pydantic's ValidationError.
"""

from __future__ import annotations

from pydantic import Field

from smtpgate.settingtypes import File, Listen, Seconds, Section


class Submission(Section):
    """Where agents' mail clients may send through us (RFC 6409): to desks and signed addresses, and nowhere else."""

    listen: list[Listen] = Field(
        default=[],
        description="Addresses to listen on with STARTTLS, usually port 587. Needs server.tls_certificate. Empty: none.",
    )
    listen_tls: list[Listen] = Field(
        default=[],
        description="The same with TLS from the first octet (RFC 8314), usually port 465.",
    )
    passwords: File | None = Field(
        default=None,
        description="File with a line for each agent, ADDRESS HASH, mode 0600: smtpgate agent password ADDRESS writes it. A hash"
        " may also stand in [[agent]] as password_hash.",
    )
    checks: int = Field(
        default=2, ge=1, le=64, description="Passwords compared at once; each takes 64 MiB and a fifth of a second."
    )
    waiting: int = Field(default=50, ge=1, le=10_000, description="Logins that may wait for that; beyond: 454.")
    failures: int = Field(default=3, ge=1, description="Wrong passwords in one connection; then 421.")
    failures_per_address: int = Field(
        default=20,
        ge=1,
        description="Wrong passwords from one IPv4 address or IPv6 /64 within failure_window; then 421 without a look at the next.",
    )
    failures_per_user: int = Field(
        default=50,
        ge=1,
        description="The same for one name from all places but those where this agent has logged in before; then 454.",
    )
    failures_shared: Seconds = Field(
        default=5.0,
        le=600,
        description="While there are wrong passwords, their counts are written to the store at most this often: for the other"
        " nodes, and for after a restart. 0s: each process counts for itself, from nothing.",
    )
    failure_window: Seconds = Field(default=3600.0, ge=1, description="How long a wrong password counts.")
    failure_delay: Seconds = Field(
        default=2.0, ge=0, le=30, description="A wrong password is answered so long after it came, whatever is wrong."
    )
