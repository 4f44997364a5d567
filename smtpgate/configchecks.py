"""What one setting alone cannot show to be wrong: settings that contradict each other, and files that do not serve.

`cross_checks` is pure. `read_files` reads, once, every file that the configuration names, keeps the keys in it, and
reports what cannot be used. Neither raises; both yield Problems without ever showing what a secret file holds.
"""

from __future__ import annotations

import grp
import importlib.util
import json
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import SecretBytes

from smtpgate import passwords
from smtpgate.config import Config
from smtpgate.errors import Problem
from smtpgate.model import Priority
from smtpgate.tomllines import Loc

ProblemMaker = Callable[[Loc, str, str], Problem]

_LARGEST_FILE = 4 * 1024**2
_SHORTEST_TOKEN_KEY = 32
_LONGEST_LOCAL_PART = 20


def cross_checks(config: Config, problem: ProblemMaker, broken: frozenset[Loc]) -> Iterator[Problem]:
    """`broken` are settings that have a problem of their own already, and so say nothing about others."""
    yield from _desks(config, problem, broken)

    def pair(section: Loc, first: str, second: str) -> Iterator[Problem]:
        holder: object = config
        for part in section:
            holder = getattr(holder, str(part))
        have, lack = (first, second) if getattr(holder, first) else (second, first)
        if bool(getattr(holder, first)) != bool(getattr(holder, second)) and (*section, lack) not in broken:
            yield problem((*section, have), f"{lack} is missing", f"{first} and {second} go together: set both or none")

    yield from pair(("server",), "tls_certificate", "tls_key")
    local = any(place.startswith("/") for place in config.server.lmtp)  # who uses such a socket is a trusted relay too
    if config.auth.trusted_relays or not local:
        yield from pair(("auth",), "trusted_relays", "trusted_authserv_id")
    yield from pair(("delivery", "smarthost"), "user", "password_file")
    yield from _postmaster(config, problem)
    yield from _agents(config, problem)
    yield from _submission(config, problem)
    hop = config.delivery.smarthost
    if config.delivery.mode == "smarthost" and hop.host is None and ("delivery", "smarthost", "host") not in broken:
        yield problem(("delivery", "smarthost", "host"), "is missing", 'delivery.mode is "smarthost": name the relay')
    if hop.user is not None and hop.tls not in ("starttls", "tls"):
        mend = 'with a user write "starttls" or "tls"'
        yield problem(("delivery", "smarthost", "tls"), "a password would travel unprotected", mend)
    if config.dns.zone_file is not None and config.dns.servers:
        yield problem(("dns", "zone_file"), "a zone file and name servers exclude each other", "keep one of them")
    if config.store.password_file is not None and config.store.url is None:
        yield problem(("store", "password_file"), "url is missing", "a password is for a database: name it, or leave this out")
    if config.store.cold_after is not None and config.store.cold is None:
        yield problem(("store", "cold_after"), "cold is missing", "name the directory that old mail moves to, or leave this out")
    yield from _memory(config, problem)
    yield from _reminders(config, problem)
    if config.store.path.is_dir() and config.store.url is None:
        yield problem(("store", "path"), f"{config.store.path} is a directory", "name a file in it")


def _memory(config: Config, problem: ProblemMaker) -> Iterator[Problem]:
    """A mail as large as may be must have room, or it is answered 452 for ever."""
    limits = config.limits
    for name, room, what in (
        ("memory_per_address", limits.memory_per_address, "limits.memory_per_address"),
        ("memory_in_flight", limits.memory_in_flight * config.stress.unknown // 100, "stress.unknown percent of it"),
    ):
        if room < limits.message_size:
            mend = "make it larger, or limits.message_size smaller"
            yield problem(("limits", name), f"a mail of limits.message_size never fits into {what}", mend)


def _reminders(config: Config, problem: ProblemMaker) -> Iterator[Problem]:
    """A reminder that is due before the state has begun would come at once."""
    tickets = config.tickets
    if tickets.close_after and tickets.remind_before >= tickets.close_after:
        yield problem(("tickets", "remind_before"), "is not less than close_after", "make it shorter, or close_after longer")
    if tickets.waiting_close and tickets.waiting_remind >= tickets.waiting_close:
        yield problem(("tickets", "waiting_remind"), "is not less than waiting_close", "make it shorter, or waiting_close longer")


def _agents(config: Config, problem: ProblemMaker) -> Iterator[Problem]:
    members = {address.lower() for desk in config.desk for address in desk.agents}
    for i, agent in enumerate(config.agent):
        if agent.address.lower() not in members:
            yield problem(("agent", i, "address"), "is in no desk's agents", "add it to a desk, or remove this table")


def _submission(config: Config, problem: ProblemMaker) -> Iterator[Problem]:
    for name in ("listen", "listen_tls"):
        for i, place in enumerate(getattr(config.submission, name)):
            if config.server.tls_certificate is None:
                mend = "set server.tls_certificate and server.tls_key"
                yield problem(("submission", name, i), "passwords would travel unprotected", mend)
            taken = (*config.server.listen, *(config.submission.listen if name == "listen_tls" else ()))
            if place in taken and not place.endswith(":0"):
                yield problem(("submission", name, i), f"{place} is listened on already", "give each listener its own port")
    for i, agent in enumerate(config.agent):
        if agent.password_hash is not None and (fault := passwords.fault(agent.password_hash)):
            yield problem(("agent", i, "password_hash"), fault, f"smtpgate agent password {agent.address} makes one")


def _postmaster(config: Config, problem: ProblemMaker) -> Iterator[Problem]:
    local, _, domain = (config.server.postmaster or "").partition("@")
    mend = "name a person outside, or leave it out"
    if config.desk_of(f"{local.partition('+')[0]}@{domain}"):
        yield problem(("server", "postmaster"), "is a desk's address", mend)
    if local.lower() in ("postmaster", "abuse") and domain in (*config.domains, config.server.name):
        yield problem(("server", "postmaster"), "is the address whose mail is to be forwarded, so it would come back", mend)


def _desks(config: Config, problem: ProblemMaker, broken: frozenset[Loc]) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    names: set[str] = set()
    for i, desk in enumerate(config.desk):
        if desk.name in names:
            yield problem(("desk", i, "name"), f"two desks are called {desk.name!r}", "give each its own name")
        names.add(desk.name)
        for j, address in enumerate((desk.address, *desk.aliases)):
            key: Loc = ("desk", i, "address") if j == 0 else ("desk", i, "aliases", j - 1)
            local = address.partition("@")[0]
            if address.lower() in owners:
                yield problem(key, f"{address} already belongs to desk {owners[address.lower()]!r}", "an address has one desk")
            owners.setdefault(address.lower(), desk.name)
            if "+" in local:
                yield problem(key, f"{address} has a +", "leave sub-addresses to the gateway, which signs with them")
            if local.lower() in ("postmaster", "abuse"):
                yield problem(key, f"{address} is not for a desk", "it always reaches a person; see server.postmaster")
        if len(desk.address.partition("@")[0]) > _LONGEST_LOCAL_PART:
            mend = "choose a shorter one: signed addresses need the room (RFC 5321 allows 64)"
            yield problem(("desk", i, "address"), f"the part before @ is longer than {_LONGEST_LOCAL_PART}", mend)
        for k, agent in enumerate(desk.agents):
            if config.desk_of(agent):
                yield problem(("desk", i, "agents", k), f"{agent} is a desk's address", "name the agent's own address")
        yield from _targets(config, i, problem, broken)


def _targets(config: Config, i: int, problem: ProblemMaker, broken: frozenset[Loc]) -> Iterator[Problem]:
    targets = config.desk[i].targets
    if targets is None:
        return
    here: Loc = ("desk", i, "targets")
    for k, manager in enumerate(targets.managers):
        if config.desk_of(manager):
            yield problem((*here, "managers", k), f"{manager} is a desk's address", "name the person's own address")
    unsaid = targets.first_answer.of(Priority.NORMAL) is None  # new tickets are normal
    if targets.promise and unsaid and not any(loc[:4] == (*here, "first_answer") for loc in broken):
        mend = "set targets.first_answer.normal, or leave promise out"
        yield problem((*here, "promise"), "there is nothing to promise: new tickets have no target for the first answer", mend)


# --- files ------------------------------------------------------------------------------------------------------------


def read_files(config: Config, problem: ProblemMaker) -> list[Problem]:
    """Read what the configuration names into it; what cannot be used is a problem like any other."""
    reader = _Reader(problem)
    _tls(config, reader)
    for i, key in enumerate(config.dkim):
        loc: Loc = ("dkim", i, "key_file")
        pem = reader.read(key.key_file, loc)
        fault = _key_fault(pem) if pem is not None else None
        if fault:
            reader.blame(loc, f"{key.key_file}: {fault}", "make one as docs/install.md says")
        key._pem = pem or b""
    group = config.server.lmtp_group
    if group is not None and not _is_group(group):
        reader.blame(("server", "lmtp_group"), f"there is no group {group!r}", "make it, or name the one of your mail server")
    if config.watch.listen and importlib.util.find_spec("prometheus_client") is None:
        reader.blame(("watch", "listen"), "the extra `web` is not installed", "pip install smtpgate[web]")
    if config.watch.traces and importlib.util.find_spec("opentelemetry") is None:
        reader.blame(("watch", "traces"), "the extra `traces` is not installed", "pip install smtpgate[traces]")
    config._token_keys = tuple(_token_keys(config, reader))
    _passwords(config, reader)
    if config.store.password_file:  # as the store will, at each connection
        secret = reader.read(config.store.password_file, ("store", "password_file"), show=False)
        if secret is not None and not secret.strip():
            reader.blame(("store", "password_file"), "the file is empty", "write the password into it")
    hop = config.delivery.smarthost
    if hop.password_file:
        secret = reader.read(hop.password_file, ("delivery", "smarthost", "password_file"), show=False)
        if secret is not None and not secret.strip():
            reader.blame(("delivery", "smarthost", "password_file"), "the file is empty", "write the password into it")
        config._password = SecretBytes((secret or b"").rstrip(b"\r\n"))
    if hop.ca_file and reader.read(hop.ca_file, ("delivery", "smarthost", "ca_file")) is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(hop.ca_file)
        except (ssl.SSLError, OSError):
            reader.blame(("delivery", "smarthost", "ca_file"), f"{hop.ca_file} holds no certificate", "it must be PEM")
    if config.dns.zone_file:
        _zone_file(config.dns.zone_file, reader)
    directory = config.templates.directory
    if directory and not directory.is_dir():
        reader.blame(("templates", "directory"), f"{directory} is not a directory", "make it, or leave it out")
    return reader.problems


class _Reader:
    def __init__(self, problem: ProblemMaker) -> None:
        self.problems: list[Problem] = []
        self._problem = problem

    def blame(self, loc: Loc, message: str, mend: str) -> None:
        self.problems.append(self._problem(loc, message, mend))

    def read(self, path: Path, loc: Loc, *, show: bool = True) -> bytes | None:
        """show=False: do not repeat the path, for an admin may have written the secret itself in its place."""
        name = str(path) if show else "the file"
        mend = "check the path, which starts at the directory of this file, and its mode"
        try:
            if path.exists() and not path.is_file():
                self.blame(loc, f"{name} is not a file", mend)
                return None
            with path.open("rb") as file:
                content = file.read(_LARGEST_FILE + 1)
        except OSError as error:
            self.blame(loc, f"{name} cannot be read: {error.strerror}", mend)
            return None
        if len(content) > _LARGEST_FILE:
            self.blame(loc, f"{name} is larger than {_LARGEST_FILE >> 20} MiB", "it cannot be the right file")
            return None
        return content


def _tls(config: Config, reader: _Reader) -> None:
    certificate, key = config.server.tls_certificate, config.server.tls_key
    readable = [
        path is not None and reader.read(path, ("server", name)) is not None
        for path, name in ((certificate, "tls_certificate"), (key, "tls_key"))
    ]
    if not all(readable) or certificate is None or key is None:
        return
    try:
        # without a password OpenSSL would ask the terminal for one
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or ""
        if reason == "KEY_VALUES_MISMATCH":
            reader.blame(("server", "tls_key"), f"{key} is not the key of tls_certificate", "give the two that belong together")
        else:
            message = "tls_certificate and tls_key cannot be used" + (f": {reason.replace('_', ' ').lower()}" if reason else "")
            reader.blame(("server", "tls_certificate"), message, "both must be PEM, the key without a password")


def _passwords(config: Config, reader: _Reader) -> None:
    """The lines of the file; those of people who are no agents any more are passed by. Never shows what stands there."""
    settings, loc = config.submission, ("submission", "passwords")
    if settings.passwords is None:
        return
    content = reader.read(settings.passwords, loc)
    if content is None:
        return
    credential = os.environ.get("CREDENTIALS_DIRECTORY", "")  # there systemd sees to it, by an access list
    if settings.passwords.stat().st_mode & 0o077 and not (credential and settings.passwords.is_relative_to(credential)):
        reader.blame(loc, f"{settings.passwords} is open to others than its owner", f"chmod 600 {settings.passwords}")
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        known = words[1] if len(words) == 2 else ""
        if "@" not in words[0] or (fault := passwords.fault(known)):
            fault = "is not ADDRESS HASH" if "@" not in words[0] or not known else fault
            reader.blame(loc, f"{settings.passwords}, line {number}: {fault}", "smtpgate agent password ADDRESS writes it")
        config._password_hashes[words[0].lower()] = known


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _token_keys(config: Config, reader: _Reader) -> Iterator[bytes]:
    secrets = config.secrets
    named: list[tuple[Path, Loc]] = [(p, ("secrets", "old_token_key_files", i)) for i, p in enumerate(secrets.old_token_key_files)]
    if secrets.token_key_file:
        named.insert(0, (secrets.token_key_file, ("secrets", "token_key_file")))
    for path, loc in named:
        secret = reader.read(path, loc, show=False)
        if secret is not None and len(secret.strip()) < _SHORTEST_TOKEN_KEY:
            message = f"the file holds fewer than {_SHORTEST_TOKEN_KEY} bytes"
            reader.blame(loc, message, "head -c 32 /dev/urandom | base64 > FILE")
        yield (secret or b"").strip()


def _zone_file(path: Path, reader: _Reader) -> None:
    loc: Loc = ("dns", "zone_file")
    content = reader.read(path, loc)
    if content is None:
        return
    try:
        zone = json.loads(content)
    except (ValueError, RecursionError) as error:
        reader.blame(loc, f"{path} is not JSON: {error}", "mend the syntax")
        return
    if not isinstance(zone, dict):
        reader.blame(loc, f"{path} holds no JSON object", 'write {"NAME": {"TYPE": ["VALUE"]}}')


def _key_fault(pem: bytes) -> str | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "is not an unencrypted PEM private key"
    if isinstance(key, rsa.RSAPrivateKey):
        return None if key.key_size >= 2048 else f"has {key.key_size} bits; RFC 8301 asks for 2048"
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else "is neither RSA nor Ed25519"
