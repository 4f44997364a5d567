"""The settings about what clients and mails may cost: limits, what changes under stress, greylist, block lists.

Pure data, like config.py, which puts these tables into the file.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from smtpgate.settingtypes import Bytes, HostName, Network, Seconds, Section


class Limits(Section):
    """What one client, one mail and all of them together may cost."""

    connections: int = Field(
        default=1000, ge=1, description="Open SMTP connections in sum; beyond: 421. [stress] says who gets the last of them."
    )
    connections_per_address: int = Field(
        default=20, ge=1, description="Open SMTP connections for one IPv4 address or IPv6 /64; beyond: 421."
    )
    connections_per_prefix: int = Field(default=100, ge=1, description="Open SMTP connections for one IPv6 /48; beyond: 421.")
    connection_rate: int = Field(
        default=60,
        ge=1,
        description="New connections in a minute from one IPv4 address or IPv6 /64, five times as many from a /48; beyond: 421.",
    )
    mail_rate: int = Field(
        default=60,
        ge=1,
        description="Mails in a minute from one IPv4 address or IPv6 /64, five times as many from a /48; beyond: MAIL is answered"
        " 450.",
    )
    mail_rate_domain: int = Field(
        default=300, ge=1, description="Mails in a minute from one authenticated domain; beyond: 451 after DATA."
    )
    message_size: Bytes = Field(default=25 * 1024**2, ge=64 * 1024, description="Largest mail (SIZE, RFC 1870); beyond: 552.")
    memory_in_flight: Bytes = Field(
        default=256 * 1024**2, ge=1024**2, description="Bytes of all mails being received at once; beyond: 452."
    )
    memory_per_address: Bytes = Field(
        default=64 * 1024**2,
        ge=64 * 1024,
        description="The share of memory_in_flight for one IPv4 address or IPv6 /64; beyond: 452.",
    )
    free_space: Bytes = Field(
        default=75 * 1024**2, description="MAIL is answered 452 while the disk of the store has less room than this."
    )
    free_space_percent: int = Field(
        default=5, ge=0, le=90, description="The same in percent of the disk, but at most 5 GiB; the larger of the two counts."
    )
    recipients: int = Field(default=100, ge=100, description="Recipients for one mail (RFC 5321 §4.5.3.1.8: at least 100).")
    line: Bytes = Field(default=1024**2, ge=1000, description="Longest line in a mail; longer: 500 5.6.0.")
    command_line: Bytes = Field(default=2048, ge=512, description="Longest command line; longer: 500.")
    greeting_wait: Seconds = Field(
        default=0.0,
        le=60,
        description="Wait so long before the greeting; a client that talks first is refused with 554. Honest clients lose that"
        " time too.",
    )
    command_timeout: Seconds = Field(
        default=300.0, ge=0.1, description="Until a command is complete (RFC 5321: 5 minutes); then 421."
    )
    session: Seconds = Field(
        default=1800.0, ge=0.1, description="The whole connection; a mail whose DATA has begun may still finish, then 421."
    )
    data_timeout: Seconds = Field(default=180.0, ge=0.1, description="Silence within DATA; then 421.")
    data_total: Seconds = Field(default=1200.0, ge=0.1, description="The whole of one DATA; then 421.")
    data_rate: Bytes = Field(default=500, description="Slowest DATA in a second, on average; slower: 421. 0B: no bound.")
    data_rate_after: Seconds = Field(default=60.0, ge=0.1, description="data_rate counts from this time on.")
    tls_handshake: Seconds = Field(default=30.0, ge=0.1, description="The TLS handshake; then the connection is closed.")
    proxy_header: Seconds = Field(
        default=10.0, ge=0.1, description="The header of the PROXY protocol; then the connection is closed."
    )
    errors_slow: int = Field(
        default=10, ge=0, description="Refused commands for one connection; each further one waits error_delay."
    )
    error_delay: Seconds = Field(default=1.0, le=60, description="How long the reply to a refused command waits then.")
    errors: int = Field(default=20, ge=1, description="Refused commands for one connection; then 421.")
    junk_commands: int = Field(
        default=100, ge=1, description="Commands between two mails that send none (NOOP, RSET, VRFY, EHLO and the like); then 421."
    )
    hops: int = Field(default=100, ge=30, description="Received fields in a mail; more is a loop: 554 5.4.6 (RFC 5321 §6.3).")
    header_section: Bytes = Field(default=128 * 1024, ge=4096, description="Header section read; a longer one is an opaque ticket.")
    header_fields: int = Field(default=1000, ge=50, description="Header fields read; more is an opaque ticket.")
    header_field: Bytes = Field(default=16 * 1024, ge=1000, description="One header field read; the rest of it is cut.")
    addresses: int = Field(default=500, ge=10, description="Addresses read from one header field.")
    mime_depth: int = Field(default=20, ge=3, description="Nesting of MIME parts; deeper is an opaque ticket.")
    mime_parts: int = Field(default=500, ge=10, description="MIME parts; more is an opaque ticket.")
    text_kept: Bytes = Field(default=1024**2, ge=1024, description="Readable text kept for a mail (the raw mail stays whole).")
    parse_cpu: Seconds = Field(default=10.0, ge=1, description="CPU seconds for reading one mail; then it is an opaque ticket.")
    parse_wall: Seconds = Field(default=20.0, ge=1, description="Seconds for reading one mail; then it is an opaque ticket.")
    parse_memory: Bytes = Field(
        default=256 * 1024**2, ge=64 * 1024**2, description="Memory of a parser beyond what it needs empty; then opaque."
    )
    dkim_signatures: int = Field(default=5, ge=1, description="DKIM signatures looked at for one mail.")
    acknowledgement_interval: Seconds = Field(
        default=1800.0,
        description="At most one acknowledgement to an address in this time; further ones wait until it has passed.",
    )
    acknowledgements_per_day: int = Field(default=5, ge=1, description="Acknowledgements to one address in 24 hours.")
    acknowledgements_per_minute: int = Field(default=60, ge=1, description="Acknowledgements to all addresses in a minute.")
    notifications_per_hour: int = Field(
        default=60,
        ge=1,
        description="Mails about tickets to one agent in an hour, about; beyond, they are left out, and the next one says how many."
        " In a flood that goes on, one comes after each twice as many.",
    )
    hold_notices_per_hour: int = Field(
        default=10, ge=1, description="Mails about single held mails to one agent in an hour; beyond, they are told together."
    )
    machine_mails_per_hour: int = Field(
        default=10, ge=1, description="Machine mails on one ticket in an hour; beyond, nothing automatic is sent for it."
    )

    def least_free(self, disk: int) -> int:
        """Octets that must be free on a disk of this size."""
        return max(self.free_space, min(disk * self.free_space_percent // 100, 5 * 1024**3))


class Stress(Section):
    """What changes while connections or memory_in_flight are nearly used up. Servers of your own and clients that agents'
    mail came from keep the values of [limits]."""

    begin: int = Field(default=80, ge=1, le=100, description="Stress begins when so many percent are used.")
    end: int = Field(default=60, ge=0, le=100, description="It ends when no more than so many percent are used.")
    unknown: int = Field(
        default=80,
        ge=1,
        le=100,
        description="Percent of connections and memory for clients of whom no mail was accepted.",
    )
    unproved: int = Field(
        default=90, ge=1, le=100, description="The same for these and clients whose mail was accepted, but never authenticated."
    )
    known: int = Field(
        default=95,
        ge=1,
        le=100,
        description="The same for these and clients whose authenticated mail was accepted. What is left is for agents and LMTP.",
    )
    connections_per_address: int = Field(default=5, ge=1, description="As in [limits], under stress.")
    connection_rate: int = Field(default=20, ge=1, description="As in [limits], under stress.")
    greeting_wait: Seconds = Field(default=3.0, le=60, description="As in [limits], under stress.")
    command_timeout: Seconds = Field(default=10.0, ge=0.1, description="As in [limits], under stress.")
    session: Seconds = Field(default=120.0, ge=0.1, description="As in [limits], under stress.")
    data_timeout: Seconds = Field(default=10.0, ge=0.1, description="As in [limits], under stress.")
    data_rate_after: Seconds = Field(default=10.0, ge=0.1, description="As in [limits], under stress.")
    tls_handshake: Seconds = Field(default=10.0, ge=0.1, description="As in [limits], under stress.")
    errors: int = Field(default=1, ge=1, description="As in [limits], under stress.")
    junk_commands: int = Field(default=1, ge=1, description="As in [limits], under stress.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end > self.begin:
            raise ValueError("ends above where it begins; make end smaller than begin")
        if not self.unknown <= self.unproved <= self.known:
            raise ValueError("gives more to the less known; make unknown at most unproved, and that at most known")
        return self


class Greylist(Section):
    """Clients of whom nothing is known are asked to come again. Off by default: it delays honest first mails."""

    enabled: bool = Field(
        default=False,
        description="Answer 451 to the first try of a client whose authenticated mail was never accepted. Signed reply addresses,"
        " postmaster@ and abuse@ never wait.",
    )
    delay: Seconds = Field(default=300.0, ge=1, description="A second try counts after this time.")
    window: Seconds = Field(default=86400.0, ge=60, description="A second try counts within this time.")
    remember: Seconds = Field(
        default=36 * 86400.0, ge=3600, description="Who has come again does not wait for this time after his last mail."
    )


class Blocklist(Section):
    """A DNS list of clients (RFC 5782), asked at the first recipient."""

    zone: HostName = Field(description="The list's zone.")
    weight: int = Field(
        default=1, ge=-100, le=100, description="What being named there counts; less than 0 for a list of good clients."
    )
    answers: list[Network] = Field(
        default=["127.0.0.0/8"], min_length=1, description="Answers that count. Those in 127.255.255.0/24 say that you may not ask."
    )
