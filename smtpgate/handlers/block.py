"""Mail of a blocked sender is held, whoever really sent it: a forged name must not bring a blocked one in, and an innocent one
loses nothing, since what is held can be released. And the commands #block and #unblock.

A block is of one desk, unless an admin made it. An agent's own address is never blocked.
"""

from __future__ import annotations

from smtpgate.blocks import HELD, Block, hashed, keys, names
from smtpgate.config import Config
from smtpgate.desk.commands import Given
from smtpgate.desk.commandtable import Verb
from smtpgate.desksettings import Desk
from smtpgate.handlers import doing as on_ticket
from smtpgate.handlers.case import Case, Work
from smtpgate.handlers.doing import SPAM, Doing
from smtpgate.mail import freemail
from smtpgate.model import Status, Ticket

NAME = "block"


def handle(case: Case, work: Work) -> None:
    """After threading: a ticket's desk decides about its mail, else those that the mail went to."""
    if not case.facts.blocks or case.imported or case.mail.released or case.agent:
        return
    names = [work.ticket.desk] if work.ticket is not None else [desk.name for desk in case.desks]
    found = [_of(case.facts.blocks, case.sender, name) for name in names]
    if found and all(found):
        work.hold(NAME, _why(found[0]), "blocked")


def open_to(blocks: tuple[Block, ...], sender: str, desks: tuple[Desk, ...]) -> tuple[Desk, ...]:
    """The desks at which the sender is not blocked; all of them when he is blocked at each, and nothing is opened."""
    return tuple(desk for desk in desks if _of(blocks, sender, desk.name) is None) or desks


def _of(blocks: tuple[Block, ...], address: str, desk: str) -> Block | None:
    wanted = names(address)
    return next((b for b in blocks if b.who in wanted and b.desk in ("", desk)), None)


def _why(block: Block | None) -> str:
    assert block is not None
    where = f"at desk {block.desk}" if block.desk else "at all desks"
    return f"{HELD}{block.who} {where}" + (f" by {block.by}" if block.by else "") + (f": {block.reason}" if block.reason else "")


# --- commands ---------------------------------------------------------------------------------------------------------


def _meant(ticket: Ticket, given: Given) -> str:
    """The key that is blocked."""
    assert ticket.customer is not None
    mailbox, domain = keys(ticket.customer.address)
    return domain if given.value else mailbox


def _either(who: str) -> tuple[str, ...]:
    """What a block of the same stands under; of a mailbox also when its person was erased."""
    return (who,) if who.startswith("@") else (who, hashed(who))


def ours(config: Config, who: str) -> bool:
    """An agent of ours or a desk, or a domain of one."""
    people = [a for desk in config.desk for a in (desk.address, *desk.aliases, *desk.agents)]
    return any(who in keys(address) for address in people)


def against(case: Case, ticket: Ticket, given: Given, words: dict[str, str]) -> list[str]:
    """Why one of these commands cannot be done on this ticket."""
    if given.verb not in (Verb.BLOCK, Verb.UNBLOCK):
        return []
    if ticket.customer is None:
        return [words["no-customer"]]
    who = _meant(ticket, given)
    there = [b for b in case.facts.blocks if b.who in _either(who)]
    if given.verb is Verb.UNBLOCK:
        if any(b.desk == ticket.desk for b in there):
            return []
        return [words["block-everywhere" if any(not b.desk for b in there) else "block-none"].format(who=who, desk=ticket.desk)]
    if ours(case.config, who):
        return [words["block-ours"].format(who=who)]
    if given.value and freemail.public(who[1:]):
        return [words["block-public"].format(who=who)]
    if any(b.desk in ("", ticket.desk) for b in there):
        return [words["block-already"].format(who=who)]
    return []


def block(doing: Doing, given: Given) -> None:
    ticket, who = doing.ticket, _meant(doing.ticket, given)
    doing.work.blocked.append(Block(who, ticket.desk, doing.case.now, doing.case.sender, f"ticket {ticket.number}"))
    if not (ticket.status is Status.CLOSED and SPAM in ticket.tags) and doing.reading.of(Verb.SPAM) is None:
        on_ticket.spam(doing, given)
    doing.events.append(f"blocked at desk {ticket.desk}: {who}")
    doing.say("block", who=who, desk=ticket.desk)
    doing.say("block-back-domain" if given.value else "block-back")


def unblock(doing: Doing, given: Given) -> None:
    ticket, who = doing.ticket, _meant(doing.ticket, given)
    doing.work.unblocked += [(key, ticket.desk) for key in _either(who)]
    doing.events.append(f"no longer blocked at desk {ticket.desk}: {who}")
    doing.say("unblock", who=who, desk=ticket.desk)
    assert ticket.customer is not None
    others = [b for b in doing.case.facts.blocks if b.who in names(ticket.customer.address) and b.who not in _either(who)]
    others += [b for b in doing.case.facts.blocks if b.who in _either(who) and not b.desk]
    for other in others:
        if other.desk in ("", ticket.desk):
            doing.say("block-still", who=other.who)
