"""Every setting: its name, type, limits, default and meaning. The loader is configfile.py.

Pure data; building a Config from bad values raises pydantic's ValidationError with all of them at once.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal, Self

from pydantic import Field, PrivateAttr, SecretBytes, model_validator

from smtpgate.deliverysettings import DeliverySettings, DkimKey
from smtpgate.desksettings import Agent, Desk
from smtpgate.limitsettings import Blocklist, Greylist, Limits, Stress
from smtpgate.privacysettings import Privacy
from smtpgate.settingtypes import Bytes, File, HostName, Listen, Lmtp, MailAddress, NameServer, Network, Seconds, Section
from smtpgate.storesettings import Store
from smtpgate.submissionsettings import Submission
from smtpgate.ticketsettings import Extract, Extraction, Tickets
from smtpgate.watchsettings import Watch

# --- the sections that have no file of their own ----------------------------------------------------------------------


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


class Templates(Section):
    """The mail that customers get."""

    directory: File | None = Field(
        default=None, description="Your own templates; a file here wins over the built-in one of the same name."
    )


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
        default=2, ge=1, le=64, description="Parser processes at most, each killable; two, so that one slow mail stops nobody."
    )
    idle: Seconds = Field(
        default=60.0,
        gt=0,
        description="How long one stays that has no mail to read; the next mail waits 20 ms for another one, 0.3 s with `socket`.",
    )
    socket: File | None = Field(
        default=None,
        description="Where parser processes answer, one for each connection, so that they have neither network nor files:"
        " /run/smtpgate-parser.sock with smtpgate-parser.socket of systemd. Unset: child processes of the gateway.",
    )


class Filing(Section):
    """The work between the two commits."""

    concurrency: int = Field(default=16, ge=1, le=256, description="Mails filed at once; half as many are read together.")
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
    privacy: Privacy = Privacy()
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

    @cached_property  # these are asked several times for each mail: what pydantic keeps as private takes ten times as long to read
    def desks_by_address(self) -> dict[str, Desk]:
        """By lower-case address; the first desk that has it."""
        return {a.lower(): desk for desk in reversed(self.desk) for a in (desk.address, *desk.aliases)}

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Of agents' addresses, by lower case: as each was written first."""
        return {agent.lower(): agent for desk in reversed(self.desk) for agent in reversed(desk.agents)}

    @cached_property
    def agents_by_address(self) -> dict[str, Agent]:
        """By lower-case address, which is in them as the desks spell it: who is of a desk or has a table."""
        tables = {agent.address.lower(): agent for agent in reversed(self.agent)}
        members = {key: tables.get(key) or Agent(address=spelled) for key, spelled in self.spellings.items()}
        spelled = {key: known.model_copy(update={"address": self.spellings[key]}) for key, known in members.items()}
        return {**tables, **spelled}

    @cached_property
    def has_targets(self) -> bool:
        """Of any desk."""
        return any(desk.targets is not None for desk in self.desk)

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
        return self.agents_by_address.get(address.lower()) or Agent(address=address)

    def agent_address(self, address: str) -> str:
        """An agent's address as the desks spell it, compared without case, which some clients change; "" for nobody's."""
        return self.spellings.get(address.lower(), "")

    def desk_named(self, name: str) -> Desk | None:
        return next((d for d in self.desk if d.name == name), None)

    def desk_at(self, name: str) -> Desk:
        """The desk that looks after the tickets of a desk: of one that is gone, or has another name now, the first, as it does
        after the mail to addresses of ours that are gone."""
        return self.desk_named(name) or self.desk[0]

    def members(self) -> dict[str, tuple[str, ...]]:
        """The agents who are told, by desk; under "" those of tickets whose desk is gone."""
        told = {desk.name: tuple(desk.agents) if desk.notify else () for desk in self.desk}
        return {"": told[self.desk[0].name], **told}

    @property
    def domains(self) -> frozenset[str]:
        """The domains that we take mail for."""
        return frozenset(a.rpartition("@")[2] for a in self.desks_by_address)
