"""Settings of the way out: where mail goes, how often it is tried, what signs it. Pure data, as in config.py."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr

from smtpgate.settingtypes import File, HostName, Seconds, Section


class Smarthost(Section):
    """The relay for outgoing mail, when delivery.mode is smarthost."""

    host: HostName | None = Field(default=None, description="Its name (checked against its certificate) or address.")
    port: int = Field(default=587, ge=1, le=65535, description="587 for STARTTLS, 465 for TLS, 25 for a relay in your network.")
    tls: Literal["starttls", "tls", "opportunistic", "none"] = Field(
        default="starttls", description="starttls and tls verify the certificate. With a user only these two are allowed."
    )
    ca_file: File | None = Field(default=None, description="PEM file of the authorities to believe; unset: the system's.")
    user: str | None = Field(default=None, description="User for AUTH.")
    password_file: File | None = Field(default=None, description="File with the password (a systemd credential, mode 0600).")


class DeliverySettings(Section):
    """The way out."""

    mode: Literal["maildir", "smarthost", "mx"] = Field(
        default="maildir", description="Into a Maildir (try-out, tests), to one relay, or directly to the recipients' MX."
    )
    maildir: File = Field(default=Path("var/outbox"), description="The Maildir for mode maildir.")
    smarthost: Smarthost = Field(default=Smarthost())
    mx_port: int = Field(default=25, ge=1, le=65535, description="Port of the recipients' servers in mode mx (labs and tests).")
    connections: int = Field(default=20, ge=1, description="Outgoing connections in sum.")
    connections_per_destination: int = Field(default=5, ge=1, description="Outgoing connections to one destination.")
    mails_per_connection: int = Field(default=100, ge=1, description="Mails over one connection before it is closed.")
    connect_timeout: Seconds = Field(default=30.0, gt=0, description="TCP connection and greeting (RFC 5321 §4.5.3.2).")
    command_timeout: Seconds = Field(default=300.0, gt=0, description="One command (RFC 5321 §4.5.3.2).")
    data_timeout: Seconds = Field(
        default=600.0, gt=0, description="The reply after the final dot (RFC 5321 §4.5.3.2.6: 10 minutes)."
    )
    idle_timeout: Seconds = Field(default=10.0, ge=0, description="An unused connection is kept this long.")
    retry: list[Seconds] = Field(
        default=[60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0],
        min_length=1,
        description="Waits after each failed attempt, with a tenth of jitter; the last one repeats.",
    )
    uncertain_wait: Seconds = Field(
        default=3600.0, description="Wait when the connection was lost after the final dot, so that a repeat is rare."
    )
    delay_notice: Seconds = Field(default=14400.0, description="A mail that waits this long is noted on its ticket.")
    lifetime: Seconds = Field(default=432000.0, description="Give up after this time, with an event on the ticket.")
    poll: Seconds = Field(default=5.0, gt=0, description="How often the queue is looked at when nothing wakes the runner.")


class DkimKey(Section):
    """One signature on outgoing mail. Two of them, rsa and ed25519, reach every verifier (RFC 8463)."""

    domain: HostName = Field(description="d=, the domain of the desks' addresses.")
    selector: HostName = Field(description="s=, where the public key is published: SELECTOR._domainkey.DOMAIN.")
    key_file: File = Field(description="PEM private key: RSA of at least 2048 bits, or Ed25519.")
    _pem: bytes = PrivateAttr(default=b"")

    @property
    def pem(self) -> bytes:
        return self._pem
