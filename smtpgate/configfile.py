"""Reads the configuration file. Errors name file, line, key and mend, all at once.

`load` either returns a whole, checked Config or raises ConfigError. Nothing here opens a socket or a database; files
that the configuration names (certificates, keys, secrets, templates) are read once, here, so that an unreadable one is
found before the first connection.
"""

from __future__ import annotations

import os
import ssl
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretBytes, ValidationError

from smtpgate.config import Config, Section
from smtpgate.errors import ConfigError, Problem

_MENDS = {
    "extra_forbidden": "remove it, or see config.example.toml for the right name",
    "missing": "add it; config.example.toml shows how",
}


def load(path: Path, *, read_files: bool = True) -> Config:
    """Read, check and complete the configuration. Paths in it are relative to its own directory.

    Raises ConfigError with every problem found. read_files=False leaves keys and certificates alone (for commands
    that only need the store).
    """
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([Problem(name, None, "file", "is not there", "copy config.example.toml and edit it")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(name, None, "file", f"cannot be read: {error}", "check its mode and encoding")]) from None
    return parse(text, name=name, base=path.parent, read_files=read_files)


def parse(text: str, *, name: str, base: Path, read_files: bool = True) -> Config:
    """`load` for a text that has been read already."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(name, _toml_error_line(error), "file", f"is not TOML: {error}", "mend the syntax")]) from None
    lines = _key_lines(text)

    def problem(loc: tuple[int | str, ...], message: str, mend: str) -> Problem:
        return Problem(name, _find_line(lines, loc), _dotted(loc), message, mend)

    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        problems = [_from_pydantic(e, problem) for e in error.errors(include_url=False)]
        raise ConfigError(sorted(problems, key=lambda p: p.line or 0)) from None
    config = _rebase(config, base)
    problems = list(_cross_checks(config, problem))
    if read_files:
        problems += _read_files(config, problem)
    if problems:
        raise ConfigError(sorted(problems, key=lambda p: p.line or 0))
    return config


ProblemMaker = Callable[[tuple[int | str, ...], str, str], Problem]


def _from_pydantic(error: Any, problem: ProblemMaker) -> Problem:
    kind, message = error["type"], error["msg"]
    if kind == "extra_forbidden":
        message = "is not a setting"
    elif kind == "missing":
        message = "is missing"
    elif kind == "value_error":
        message = str(error["ctx"]["error"])
    else:
        got = error.get("input")
        message = message[:1].lower() + message[1:]
        if isinstance(got, str | int | float | bool):
            message += f" (got {got!r})"
    if kind == "value_error" and "; " in message:
        message, _, mend = message.partition("; ")
        return problem(error["loc"], message, mend)
    return problem(error["loc"], message, _MENDS.get(kind, "correct the value; config.example.toml shows an example"))


def _cross_checks(config: Config, problem: ProblemMaker) -> Iterator[Problem]:
    """What one key alone cannot show to be wrong."""
    seen: dict[str, str] = {}
    names: set[str] = set()
    for i, desk in enumerate(config.desk):
        if desk.name in names:
            yield problem(("desk", i, "name"), f"two desks are called {desk.name!r}", "give each its own name")
        names.add(desk.name)
        for j, address in enumerate((desk.address, *desk.aliases)):
            key: tuple[int | str, ...] = ("desk", i, "address") if j == 0 else ("desk", i, "aliases", j - 1)
            if address.lower() in seen:
                yield problem(key, f"{address} already belongs to desk {seen[address.lower()]!r}", "an address has one desk")
            seen.setdefault(address.lower(), desk.name)
            if "+" in address.partition("@")[0]:
                yield problem(key, f"{address} has a +", "leave sub-addresses to the gateway, which signs with them")
            if address.lower().startswith(("postmaster@", "abuse@")):
                yield problem(key, f"{address} is not for a desk", "it always reaches a person; see server.postmaster")
        if len(desk.address.partition("@")[0]) > 20:
            yield problem(("desk", i, "address"), "the part before @ is longer than 20", "signed addresses need the room (64)")
        for k, agent in enumerate(desk.agents):
            if config.desk_of(agent):
                yield problem(("desk", i, "agents", k), f"{agent} is a desk's address", "name the agent's own address")
    if config.server.postmaster and config.desk_of(config.server.postmaster):
        yield problem(("server", "postmaster"), "is a desk's address", "name a person outside, or leave it out")
    if (config.server.tls_certificate is None) != (config.server.tls_key is None):
        key_name = "tls_key" if config.server.tls_key is None else "tls_certificate"
        yield problem(("server", key_name), "is missing", "tls_certificate and tls_key go together")
    if bool(config.auth.trusted_relays) != bool(config.auth.trusted_authserv_id):
        yield problem(("auth", "trusted_authserv_id"), "trusted_relays and trusted_authserv_id go together", "set both or none")
    hop = config.delivery.smarthost
    if config.delivery.mode == "smarthost" and hop.host is None:
        yield problem(("delivery", "smarthost", "host"), "is missing", 'delivery.mode is "smarthost": name the relay')
    if hop.user is not None and hop.tls not in ("starttls", "tls"):
        yield problem(
            ("delivery", "smarthost", "tls"), "a password would travel unprotected", 'with a user write "starttls" or "tls"'
        )
    if (hop.user is None) != (hop.password_file is None):
        yield problem(("delivery", "smarthost", "user"), "user and password_file go together", "set both or none")
    if config.dns.zone_file is not None and config.dns.servers:
        yield problem(("dns", "zone_file"), "a zone file and name servers exclude each other", "keep one of them")


def _read_files(config: Config, problem: ProblemMaker) -> list[Problem]:
    """Read what the configuration names; what cannot be used is a problem like any other."""
    problems: list[Problem] = []

    def read(path: Path, loc: tuple[int | str, ...]) -> bytes | None:
        try:
            return path.read_bytes()
        except OSError as error:
            problems.append(problem(loc, f"{path} cannot be read: {error.strerror}", "check the path and its mode"))
            return None

    server = config.server
    if server.tls_certificate and server.tls_key and read(server.tls_certificate, ("server", "tls_certificate")) is not None:
        if read(server.tls_key, ("server", "tls_key")) is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(server.tls_certificate, server.tls_key)
            except (ssl.SSLError, OSError) as error:
                problems.append(
                    problem(("server", "tls_certificate"), f"cannot be used: {error}", "certificate and key must be PEM and fit")
                )
    for i, key in enumerate(config.dkim):
        pem = read(key.key_file, ("dkim", i, "key_file"))
        if pem is not None:
            fault = _key_fault(pem)
            if fault:
                problems.append(problem(("dkim", i, "key_file"), f"{key.key_file}: {fault}", "make a key as docs/install.md says"))
            key._pem = pem
    keys = []
    secrets = config.secrets
    named: list[tuple[Path, tuple[int | str, ...]]] = [
        (p, ("secrets", "old_token_key_files", i)) for i, p in enumerate(secrets.old_token_key_files)
    ]
    if secrets.token_key_file:
        named.insert(0, (secrets.token_key_file, ("secrets", "token_key_file")))
    for path, loc in named:
        secret = read(path, loc)
        if secret is not None and len(secret.strip()) < 32:
            problems.append(problem(loc, f"{path} holds fewer than 32 bytes", "head -c 32 /dev/urandom | base64 > FILE"))
        keys.append((secret or b"").strip())
    config._token_keys = tuple(keys)
    hop = config.delivery.smarthost
    if hop.password_file:
        secret = read(hop.password_file, ("delivery", "smarthost", "password_file"))
        config._password = SecretBytes((secret or b"").rstrip(b"\r\n"))
    if hop.ca_file:
        read(hop.ca_file, ("delivery", "smarthost", "ca_file"))
    if config.dns.zone_file:
        read(config.dns.zone_file, ("dns", "zone_file"))
    if config.templates.directory and not config.templates.directory.is_dir():
        problems.append(
            problem(("templates", "directory"), f"{config.templates.directory} is not a directory", "make it, or leave it out")
        )
    return problems


def _key_fault(pem: bytes) -> str | None:
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        return "is not an unencrypted PEM private key"
    if isinstance(key, rsa.RSAPrivateKey):
        return None if key.key_size >= 2048 else f"has {key.key_size} bits; RFC 8301 asks for 2048"
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else "is neither RSA nor Ed25519"


def _rebase(config: Config, base: Path) -> Config:
    """Make every path absolute, seen from the file's directory."""

    def walk(section: Section) -> Section:
        updates: dict[str, Any] = {}
        for field_name in type(section).model_fields:
            value = getattr(section, field_name)
            if isinstance(value, Path):
                updates[field_name] = _absolute(base, value)
            elif isinstance(value, Section):
                updates[field_name] = walk(value)
            elif isinstance(value, list) and value and isinstance(value[0], Section | Path):
                updates[field_name] = [walk(v) if isinstance(v, Section) else _absolute(base, v) for v in value]
        return section.model_copy(update=updates)

    rebased = walk(config)
    assert isinstance(rebased, Config)
    return rebased


def _absolute(base: Path, path: Path) -> Path:
    """A leading $CREDENTIALS_DIRECTORY is systemd's (LoadCredential=)."""
    text = str(path)
    if text.startswith("$CREDENTIALS_DIRECTORY/"):
        return Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / text.removeprefix("$CREDENTIALS_DIRECTORY/")
    return path if path.is_absolute() else Path(os.path.abspath(base / path))


# --- which line a key is on -------------------------------------------------------------------------------------------


def _key_lines(text: str) -> dict[tuple[int | str, ...], int]:
    """The line of every table header and key. TOML is line-based enough for that; a multi-line value counts as its first."""
    lines: dict[tuple[int | str, ...], int] = {}
    table: tuple[int | str, ...] = ()
    counts: dict[tuple[int | str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("[["):
            name = _dotted_parts(stripped[2:].partition("]]")[0])
            index = counts.get(name, -1) + 1
            counts[name] = index
            table = (*name, index)
            lines[table] = number
        elif stripped.startswith("[") and "]" in stripped and "=" not in stripped.partition("]")[0]:
            table = _with_indexes(_dotted_parts(stripped[1:].partition("]")[0]), counts)
            lines[table] = number
        elif "=" in stripped and not stripped.startswith("#"):
            key = _dotted_parts(stripped.partition("=")[0])
            lines.setdefault((*table, *key), number)
    return lines


def _dotted_parts(text: str) -> tuple[int | str, ...]:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


def _with_indexes(name: tuple[int | str, ...], counts: dict[tuple[int | str, ...], int]) -> tuple[int | str, ...]:
    """[desk.display_name] below [[desk]] belongs to the last desk."""
    for length in range(len(name), 0, -1):
        if name[:length] in counts:
            return (*name[:length], counts[name[:length]], *name[length:])
    return name


def _find_line(lines: dict[tuple[int | str, ...], int], loc: tuple[int | str, ...]) -> int | None:
    """The line of the key, else of the nearest thing around it."""
    for length in range(len(loc), 0, -1):
        if loc[:length] in lines:
            return lines[loc[:length]]
    return None


def _dotted(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _toml_error_line(error: tomllib.TOMLDecodeError) -> int | None:
    words = str(error).replace(",", " ").split()
    return int(words[words.index("line") + 1]) if "line" in words and words[words.index("line") + 1].isdigit() else None
