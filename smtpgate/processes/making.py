"""Making a door: the one place where SMTP, authentication and policy meet, for whichever process it is in."""

from __future__ import annotations

from smtpgate.auth.dns import Resolver
from smtpgate.auth.verdict import judge
from smtpgate.clock import Clock
from smtpgate.config import Config
from smtpgate.intake.accept import Judge
from smtpgate.intake.server import Door
from smtpgate.mail.header import Header
from smtpgate.mail.token import Tokens
from smtpgate.model import Envelope, Verdict
from smtpgate.processes.words import Terms
from smtpgate.store.api import IntakeStore
from smtpgate.store.file import room
from smtpgate.store.rawfiles import RawFiles


def make_door(terms: Terms, store: IntakeStore, resolver: Resolver, clock: Clock) -> Door:
    """Not started yet."""
    config = terms.config
    return Door(
        config,
        store=store,
        judge=_judge(config, resolver, clock),
        tokens=_tokens(terms),
        clock=clock,
        resolver=resolver,
        disk=lambda: room(config.store.path, RawFiles.of(config.store).home),
    )


def renew_door(door: Door, terms: Terms, resolver: Resolver, clock: Clock) -> None:
    """New sessions go by these terms. Raises OSError for a certificate that cannot be used; nothing has changed then."""
    door.renew(terms.config, judge=_judge(terms.config, resolver, clock), tokens=_tokens(terms))


def _judge(config: Config, resolver: Resolver, clock: Clock) -> Judge:
    async def verify(envelope: Envelope, raw: bytes, head: Header) -> Verdict:
        return await judge(envelope=envelope, raw=raw, config=config, resolver=resolver, clock=clock, head=head)

    return verify


def _tokens(terms: Terms) -> Tokens:
    return Tokens(terms.token_keys, terms.config.secrets.token_lifetime)
