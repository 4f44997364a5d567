"""Every setting: its name, type, limits, default and meaning. The loader is configfile.py.

Pure data; building a Config from bad values raises pydantic's ValidationError with all of them at once.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PrivateAttr, SecretBytes, model_validator

from smtpgate.desksettings import Agent, Desk
from smtpgate.limitsettings import Blocklist, Greylist, Limits, Stress
from smtpgate.settingtypes import (
    Bytes,
    Database,
    File,
    HostName,
    Listen,
    Lmtp,
    MailAddress,
    NameServer,
    Network,
    Node,
    Numbers,
    Re2,
    Seconds,
    Section,
)
from smtpgate.submissionsettings import Submission
from smtpgate.watchsettings import Watch

# --- the sections, in the order of config.example.toml ----------------------------------------------------------------


class Server(Section):
    """The SMTP door."""

    name: HostName = Field(
        description="Our host name: banner, Received, Authentication-Results, Message-ID. The MX record's target."
    )
    listen: list[Listen] = Field(default=["127.0.0.1:2525"], min_length=1, description="Addresses to listen on.")
    lmtp: list[Lmtp] = Field(
        default=[],
        description="Where to speak LMTP (RFC 2033) with a mail server of your own: a Unix socket, as a path that begins with /,"
        " or an address with a port.",
    )
    lmtp_group: str | None = Field(
        default=None, description="The group that may use the Unix sockets of lmtp (mode 0660); unset: the gateway's own."
    )
    forwarders: list[Network] = Field(
        default=[],
        description="Mail servers and proxies of your own that may tell us the true client by XFORWARD or XCLIENT. Whoever uses"
        " a Unix socket of lmtp may do so too.",
    )
    tls_certificate: File | None = Field(default=None, description="PEM file with certificate chain. Switches STARTTLS on.")
    tls_key: File | None = Field(default=None, description="PEM file with the key of tls_certificate.")
    trusted_networks: list[Network] = Field(
        default=[],
        description="Mail from these networks counts as authenticated, whatever From it carries. Only for hosts of your own"
        " whose every user may write as anybody. Never a network that forwards mail from outside.",
    )
    postmaster: MailAddress | None = Field(
        default=None,
        description="The person who gets mail to postmaster@ and abuse@ of every desk's domain (RFC 2142), as an attachment."
        " Unset: such mail becomes a ticket at the first desk.",
    )
    bare_newline: Literal["normalize", "reject"] = Field(
        default="normalize",
        description="Bare CR or LF in a mail: turn into CRLF, or refuse with 550. Neither can end a mail (smuggling).",
    )
    proxy_protocol: list[Network] = Field(
        default=[],
        description="Load balancers that begin every connection with a PROXY header, version 1 or 2, which names the true client."
        " A connection from them without one is closed.",
    )
    processes: Literal["auto", "one", "several"] = Field(
        default="auto",
        description="one: everything but the parsers is one process. several: SMTP, LMTP and the checks of senders have their own,"
        " delivery has its own, so that two processors are used. auto: several where there are two processors for us.",
    )
    shutdown_grace: Seconds = Field(
        default=30.0, description="How long a stop waits for mail whose DATA has begun and for deliveries under way."
    )


class Store(Section):
    """Where everything lies."""

    path: File = Field(
        default=Path("var/smtpgate.db"),
        description="The SQLite file. Its directory must be ours alone. With url only the small files of this node lie beside it:"
        " lock, state for status.",
    )
    url: Database | None = Field(
        default=None,
        description="A PostgreSQL database (15 or later) instead of the file; several gateways may share it. Hosts may be several:"
        " postgresql://smtpgate@db1,db2/smtpgate?sslmode=verify-full. Needs the extra: pip install smtpgate[postgres].",
    )
    password_file: File | None = Field(
        default=None,
        description="File with the password for url (a systemd credential, mode 0600). It is read at each connection.",
    )
    node: Node | None = Field(
        default=None,
        description="The name of this gateway among those that share url; no two may have the same. Unset: the name of the host.",
    )
    connections: int = Field(
        default=8, ge=4, le=100, description="Connections to url, at most: two write, one listens, the others read."
    )
    files: File | None = Field(
        default=None,
        description="The directory for large raw mail. Unset: beside path, as its name with .files; with url: none, all mail is"
        " whole in the database. With url it must be one that all gateways share.",
    )
    files_from: Bytes = Field(
        default=256 * 1024, ge=4096, description="Raw mail of this size or more gets a file of its own; smaller is in the table."
    )
    cold: File | None = Field(
        default=None,
        description="The directory for old raw mail, on a slower disk or a mounted object store; it must be there. smtpgate"
        " maintain moves what is older than cold_after to it.",
    )
    cold_after: Seconds | None = Field(default=None, ge=86400, description="The age at which raw mail moves to cold. Unset: never.")


class Dns(Section):
    """Whom to ask. Either name servers or a zone file, for labs and tests."""

    servers: list[NameServer] = Field(default=[], description="Name servers; empty: those of /etc/resolv.conf.")
    timeout: Seconds = Field(default=3.0, gt=0, description="One question to one server.")
    deadline: Seconds = Field(default=10.0, gt=0, description="All of the DNS for one mail; then the verdict is temperror.")
    cache: int = Field(default=10_000, ge=0, description="Answers kept, each for its TTL.")
    zone_file: File | None = Field(
        default=None,
        description="Answer from this JSON file instead of DNS:"
        ' {"example.org": {"TXT": ["v=spf1 -all"]}, "slow.example": "TIMEOUT"}.',
    )


class Auth(Section):
    """Who sent it."""

    arc_sealers: list[HostName] = Field(
        default=[], description="Domains whose ARC seal is believed when DMARC fails after forwarding. Never for agents."
    )
    trusted_relays: list[Network] = Field(
        default=[],
        description="Our own MTAs in front. Their topmost Authentication-Results with trusted_authserv_id replaces our own checks.",
    )
    trusted_authserv_id: HostName | None = Field(
        default=None, description="The authserv-id that the MTAs in trusted_relays write (RFC 8601 §2.5)."
    )


class Policy(Section):
    """What the verdict leads to where the rights table leaves a choice."""

    dmarc_fail: Literal["hold", "refuse"] = Field(
        default="hold", description="Mail that fails DMARC under p=reject: hold for an agent, or refuse with 550 (RFC 9989 §7.4)."
    )
    dmarc_none: Literal["hold", "unverified"] = Field(
        default="hold",
        description="Mail that fails DMARC of a domain that only watches (p=none): hold it too, or treat it as mail without"
        " any evidence.",
    )
    temperror: Literal["accept", "defer"] = Field(
        default="accept", description="DNS did not answer: accept as unverified, or answer 451 so that the client tries again."
    )
    blocklist_score: int = Field(
        default=1, ge=1, description="Refuse a client with 550 when the weights of the block lists that name it reach this."
    )


class Tickets(Section):
    """Numbers, threads, repeats."""

    number_pattern: Numbers = Field(
        default="{date}-{channel}-{serial:04}",
        description="How numbers look. {date} is YYYYMMDD in the desk's zone, {channel} the desk's, {serial:04} counts within both."
        " Numbers made by earlier patterns stay recognised.",
    )
    repeat_window: Seconds = Field(
        default=1800.0, description="The same mail from the same sender to the same desk within this time is a repeat."
    )
    several_desks: Literal["shared", "each"] = Field(
        default="shared", description="One mail to several desks: one ticket that they share, or a ticket for each."
    )
    thanks: Literal["note", "reopen"] = Field(
        default="note",
        description="A mail that is nothing but thanks, on a resolved or closed ticket: keep it there without reopening the"
        " ticket, or reopen it like any other answer.",
    )
    answer_delay: Seconds = Field(
        default=60.0,
        description="How long an agent's answer stays here before it leaves, so that it can be taken back. 0s: it leaves at once.",
    )
    close_after: Seconds = Field(
        default=7 * 86400.0,
        description="A resolved ticket closes by itself after this time without an answer, and its customer is told. 0s: never.",
    )
    remind_before: Seconds = Field(
        default=2 * 86400.0,
        description="So long before a ticket closes by itself its customer is reminded, once. 0s: not at all.",
    )
    waiting_remind: Seconds = Field(
        default=4 * 86400.0,
        description="A customer from whom we wait for an answer is reminded once, after this time. 0s: not at all.",
    )
    waiting_close: Seconds = Field(
        default=0.0,
        description="A ticket that waits for its customer closes by itself after this time without an answer, and he is told. 0s:"
        " never, because what was not answered may not be solved.",
    )
    reopen_within: Seconds = Field(
        default=30 * 86400.0,
        description="An answer reopens a resolved or closed ticket within this time; later it opens a new one that is linked to it."
        " 0s: it always reopens.",
    )
    parent_wait: Seconds = Field(
        default=60.0,
        description="How long a reply waits for a mail it answers that has come but cannot be filed. For one that waits for its"
        " turn, as after an outage, it waits as long as need be.",
    )


class Extraction(Section):
    """What a mail is about: what is looked for in its subject and text."""

    built_in: bool = Field(
        default=True,
        description="Look for orders, invoices, shipments, RMA, tickets, contracts, customers, serial numbers, products, versions,"
        " errors, phone numbers, domains and log lines.",
    )
    text: int = Field(default=16384, ge=256, le=1048576, description="Characters of a text that are looked through.")
    finds: int = Field(default=30, ge=1, le=200, description="Values kept for one mail, at most five of each name.")


class Extract(Section):
    """A pattern of your own. With a built-in name it takes that one's place; an empty pattern only removes it."""

    name: str = Field(
        min_length=1, max_length=30, pattern=r"^[a-z][a-z0-9-]*$", description="What is found, as ticket show and rules name it."
    )
    pattern: Re2 = Field(
        description="RE2 syntax, so it takes time in proportion to the text. The first group is the value, or all of it when"
        " there is no group. Several patterns may have the same name."
    )
    where: Literal["subject", "text", "both"] = Field(default="both", description="Where to look.")


class Templates(Section):
    """The mail that customers get."""

    directory: File | None = Field(
        default=None, description="Your own templates; a file here wins over the built-in one of the same name."
    )


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


class Secrets(Section):
    """Keys that sign our reply addresses and return paths."""

    token_key_file: File | None = Field(
        default=None,
        description="File with the signing key, at least 32 bytes. Unset: one is made and kept in the store.",
    )
    old_token_key_files: list[File] = Field(default=[], description="Earlier keys, still believed; newest first.")
    token_lifetime: Seconds = Field(default=180 * 86400.0, description="How long a signed address is believed.")


class Parser(Section):
    """The processes that read mail."""

    processes: int = Field(
        default=2, ge=1, le=64, description="Parser processes, each killable; two, so that one slow mail stops nobody."
    )
    socket: File | None = Field(
        default=None,
        description="Where parser processes answer, one for each connection, so that they have neither network nor files:"
        " /run/smtpgate-parser.sock with smtpgate-parser.socket of systemd. Unset: child processes of the gateway.",
    )


class Filing(Section):
    """The work between the two commits."""

    concurrency: int = Field(default=8, ge=1, le=256, description="Mails filed at once.")
    memory: Bytes = Field(
        default=64 * 1024**2,
        ge=0,
        description="How much mail is held in memory for filing at once; one mail may be more, whatever its size.",
    )
    lease: Seconds = Field(default=60.0, gt=0, description="How long a worker may hold a mail before another one takes it.")
    poll: Seconds = Field(default=2.0, gt=0, description="How often the store is looked at when nothing wakes the worker.")


class Log(Section):
    """What is written to standard error."""

    format: Literal["console", "json"] = Field(default="console", description="For people, or one JSON object a line.")
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="What is written.")
    addresses: Literal["full", "domain", "hash"] = Field(
        default="full",
        description="Mail addresses in the log: whole, the domain alone, or with a pseudonym in place of the local part, the same"
        " for the same mailbox (smtpgate log --pseudonym ADDRESS tells it).",
    )


class Config(Section):
    """The whole file."""

    server: Server
    limits: Limits = Limits()
    stress: Stress = Stress()
    greylist: Greylist = Greylist()
    blocklist: list[Blocklist] = Field(default=[])
    store: Store = Store()
    dns: Dns = Dns()
    auth: Auth = Auth()
    policy: Policy = Policy()
    tickets: Tickets = Tickets()
    extraction: Extraction = Extraction()
    extract: list[Extract] = Field(default=[], max_length=100)
    desk: list[Desk] = Field(min_length=1)
    agent: list[Agent] = Field(default=[])
    submission: Submission = Submission()
    templates: Templates = Templates()
    delivery: DeliverySettings = DeliverySettings()
    dkim: list[DkimKey] = Field(default=[])
    secrets: Secrets = Secrets()
    parser: Parser = Parser()
    filing: Filing = Filing()
    watch: Watch = Watch()
    log: Log = Log()

    _token_keys: tuple[bytes, ...] = PrivateAttr(default=())
    _password: SecretBytes | None = PrivateAttr(default=None)
    _password_hashes: dict[str, str] = PrivateAttr(default_factory=dict)  # of submission.passwords: lower case address: hash

    @model_validator(mode="after")
    def _one_spelling(self) -> Self:
        for desk in self.desk:
            desk.agents[:] = [self.spellings[agent.lower()] for agent in desk.agents]
        return self

    @cached_property  # both are asked several times for each mail: what pydantic keeps as private takes ten times as long to read
    def desks_by_address(self) -> dict[str, Desk]:
        """By lower-case address; the first desk that has it."""
        return {a.lower(): desk for desk in reversed(self.desk) for a in (desk.address, *desk.aliases)}

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Of agents' addresses, by lower case: as each was written first."""
        return {agent.lower(): agent for desk in reversed(self.desk) for agent in reversed(desk.agents)}

    @property
    def token_keys(self) -> tuple[bytes, ...]:
        """Keys of signed addresses from files, newest first; empty when the store keeps the key."""
        return self._token_keys

    @property
    def smarthost_password(self) -> SecretBytes | None:
        return self._password

    @property
    def password_hashes(self) -> dict[str, str]:
        """By the lower-case address of an agent; those who can log in at the submission listener."""
        own = {agent.address.lower(): agent.password_hash for agent in self.agent if agent.password_hash is not None}
        return {address: known for address, known in {**self._password_hashes, **own}.items() if address in self.spellings}

    def desk_of(self, address: str) -> Desk | None:
        """The desk with this address (no sub-address), compared without case. None: not one of ours."""
        return self.desks_by_address.get(address.lower())

    def agent_of(self, address: str) -> Agent:
        """What is known of an agent, compared without case."""
        known = next((a for a in self.agent if a.address.lower() == address.lower()), Agent(address=address))
        spelled = self.agent_address(address) or address
        return known if known.address == spelled else known.model_copy(update={"address": spelled})

    def agent_address(self, address: str) -> str:
        """An agent's address as the desks spell it, compared without case, which some clients change; "" for nobody's."""
        return self.spellings.get(address.lower(), "")

    def desk_named(self, name: str) -> Desk | None:
        return next((d for d in self.desk if d.name == name), None)

    @property
    def domains(self) -> frozenset[str]:
        """The domains that we take mail for."""
        return frozenset(a.rpartition("@")[2] for a in self.desks_by_address)
