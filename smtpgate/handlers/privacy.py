"""A customer asks for a copy of his data, or to be erased: asked back whether it is meant, and confirmed by a second proved mail.

Both mails need the full proof: a trusted network, or DMARC passed by an aligned signature; never SPF alone, and no agent's release
stands in for it. The answer goes to an address that was signed for this person and this request alone, which ends with it. So a
mail that was forged, or sent once more, does nothing; nor does one that only quotes the words. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from smtpgate.blocks import mailbox_key
from smtpgate.clock import id_text, new_id
from smtpgate.handlers import notify, outcome
from smtpgate.handlers.case import Case, Work
from smtpgate.handlers.post import Post
from smtpgate.mail.customerwords import Asked
from smtpgate.mail.letters import ComposeError
from smtpgate.mail.privacywords import ADMIN, Occasion
from smtpgate.model import Entry, EntryKind, Evidence, Ticket
from smtpgate.person import Request, State, What, new_pseudonym, same
from smtpgate.store.api import AckNote

NAME = "privacy"
_DAY = 86400.0
_PROVED = (Evidence.TRUSTED, Evidence.DMARC_DKIM)
_WHAT = {Asked.EXPORT: What.EXPORT, Asked.ERASE: What.ERASE}
# Mailboxes of several people (RFC 2142 and what companies use): none of them may decide for all.
ROLES = frozenset(
    (
        *("postmaster", "abuse", "mailer-daemon", "webmaster", "hostmaster", "root", "admin", "administrator", "security", "owner"),
        *(
            "noreply",
            "no-reply",
            "donotreply",
            "info",
            "contact",
            "support",
            "help",
            "helpdesk",
            "service",
            "office",
            "hello",
            "mail",
        ),
        *("sales", "marketing", "billing", "accounting", "news", "list", "request"),
    )
)


def why_not(case: Case, asked: Asked) -> str:
    """Why this word of a ticket's own customer counts for nothing; "" when it counts."""
    if case.mail.verdict.evidence not in _PROVED or case.mail.released:
        return "it takes the proof of the domain's own signature"
    if case.agent or case.own(case.sender):
        return "an agent or a desk"
    if mailbox_key(case.sender).rpartition("@")[0] in ROLES:
        return "a mailbox that may be of several people"
    if case.mail.envelope.mail_from is None or case.parsed.silence or case.person is None:
        return "its sender asks for no automatic answer"
    return _not_asked(case, asked) if asked in _WHAT else _not_decided(case, asked)


def _not_asked(case: Case, asked: Asked) -> str:
    settings, what = case.config.privacy, _WHAT[asked]
    if getattr(settings, what.value) == "off":
        return f"privacy.{what.value} is off"
    lately = [one for one in case.facts.personal if one.asked_at > case.now - _DAY]
    if len(lately) >= settings.requests_per_day:
        return f"{len(lately)} requests within a day"
    if any(one.what is what and one.state in (State.CONFIRMED, State.RUNNING) for one in case.facts.personal):
        return "it was asked for and confirmed before, and is not done yet"
    return ""


def _not_decided(case: Case, asked: Asked) -> str:
    request = _request(case)
    if request is None or not case.personal[0].person_matches(case.sender) or not same(request.address, case.sender):
        return "written to an address that was made for somebody else, or for what is done"
    if asked is Asked.CANCEL:
        return "" if request.state in (State.ASKED, State.CONFIRMED) else f"it is {request.state.value}"
    if request.state is not State.ASKED:
        return f"it is {request.state.value} already"
    if case.now >= request.asked_at + case.config.privacy.confirm_within:
        return "it came too late (privacy.confirm_within)"
    return "" if getattr(case.config.privacy, request.what.value) != "off" else f"privacy.{request.what.value} is off"


def _request(case: Case) -> Request | None:
    return next((one for one in case.facts.personal if case.personal and one.id == case.personal[0].id), None)


def handle(case: Case, work: Work) -> None:
    """After the ticket: what the word does, and the mail about it."""
    if work.asked is None or not work.asked.personal or work.ticket is None or work.repeat_of is not None:
        return
    if work.asked in _WHAT:
        _ask(case, work, work.ticket, _WHAT[work.asked])
        return
    request = _request(case)
    assert request is not None
    if work.asked is Asked.CANCEL:
        work.personal.append(replace(request, state=State.LAPSED, at=request.asked_at + _DAY))
        _send(case, work, work.ticket, request, Occasion.CANCELLED)
    else:
        _confirmed(case, work, work.ticket, request)


def _ask(case: Case, work: Work, ticket: Ticket, what: What) -> None:
    """An earlier question of the same kind no longer counts."""
    now, within = case.now, case.config.privacy.confirm_within
    request = Request(
        id=new_id(case.clock),
        what=what,
        state=State.ASKED,
        address=case.sender,
        pseudonym=new_pseudonym(),
        by="",
        asked_at=now,
        at=now + max(within, _DAY),
        ticket_id=ticket.id,
        desk=ticket.desk,
        language=Post.language(ticket),
    )
    occasion = Occasion.ASK_EXPORT if what is What.EXPORT else Occasion.ASK_ERASE
    if not _send(case, work, ticket, request, occasion, until=now + within):
        return
    before = [one for one in case.facts.personal if one.what is what and one.state is State.ASKED]
    work.personal += [replace(one, state=State.LAPSED) for one in before]
    work.personal.append(request)


def _confirmed(case: Case, work: Work, ticket: Ticket, request: Request) -> None:
    settings = case.config.privacy
    by_itself = getattr(settings, request.what.value) == "self"
    wait = settings.erase_after if request.what is What.ERASE else 0.0
    work.personal.append(replace(request, state=State.CONFIRMED, at=case.now + wait if by_itself else None))
    work.because(NAME, f"{case.sender} confirms: {request.what.value}" + ("" if by_itself else ", an admin's turn"))
    if not by_itself:
        _send(case, work, ticket, request, Occasion.WAITS)
        _tell_postmaster(case, work, ticket, request)
    elif request.what is What.ERASE:
        _send(case, work, ticket, request, Occasion.WILL_ERASE, until=case.now + wait)


def _tell_postmaster(case: Case, work: Work, ticket: Ticket, request: Request) -> None:
    """Agents hear of it as of any mail to the ticket; who runs commands may be no agent."""
    person = case.config.server.postmaster
    if person is None:
        return
    agent, desk = case.config.agent_of(person), case.config.desk_named(ticket.desk) or case.config.desk[0]
    words = ADMIN[agent.language]
    lines = tuple(words[name].format(who=request.address, id=id_text(request.id)) for name in (request.what.value, "refuse"))
    outcome.send_receipt(case, work, None, desk, agent, words["title"], lines, purpose="alert")


def _send(case: Case, work: Work, ticket: Ticket, request: Request, occasion: Occasion, until: float | None = None) -> bool:
    """Within the caps of all automatic mail to this address."""
    assert case.person is not None
    desk = case.config.desk_named(ticket.desk) or case.config.desk[0]
    at, why = notify.when(case, case.facts.acks.to_address, NAME)
    try:
        if at is None:
            raise ComposeError(why)
        mail = case.post.personal(
            occasion=occasion,
            request=request,
            desk=desk,
            number=ticket.number,
            to=case.person,
            now=case.now,
            until=until,
            send_at=at,
            ticket=ticket,
            in_reply_to=case.parsed,
        )
    except ComposeError as error:
        event = f"No mail about the person's data was sent: {error}."
        work.entries.append(Entry(case.new_id(), ticket.id, EntryKind.EVENT, "", case.now, event))
        work.because(NAME, event)
        return False
    work.outgoing.append(mail)
    work.acks.append(AckNote(case.sender, at, NAME))
    work.message_refs.append(case.post.reference(mail))
    work.because(NAME, f"{occasion.value} mail to {case.person.address}")
    return True
