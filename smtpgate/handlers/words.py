"""A reply of one word by which a customer steers a ticket: how is it going, it is solved, it is not solved; or our mail to
himself, in all of his tickets: another language, fewer notices; or his own data (handlers/privacy).

It counts only from the ticket's own customer, by the table of rights: a sender who is proved well enough to join (column
`joins`: yes), or one with less evidence who writes to the signed address that this very person was given. An answer to
"status" goes only to whom the column `acknowledged` lets us answer. Whatever does not count is an answer like any other.
It stands before dedupe: "not solved" after another answer of ours is no repeat of the first one.
"""

from __future__ import annotations

from smtpgate.handlers import privacy
from smtpgate.handlers.case import Case, Work
from smtpgate.mail import customerwords
from smtpgate.mail.customerwords import Asked
from smtpgate.model import ParsedMail, Ticket
from smtpgate.rules.rights import Acknowledging, Joining

NAME = "words"


def wanted(parsed: ParsedMail) -> bool:
    """May it turn out to ask for the status, once what is new in it is known? Then the question to the store must be wider."""
    return Asked.STATUS in _may_ask(parsed)


def personal(parsed: ParsedMail) -> bool:
    """The same of the person's own data."""
    return bool({Asked.EXPORT, Asked.ERASE} & _may_ask(parsed))


def _may_ask(parsed: ParsedMail) -> set[Asked | None]:
    top = parsed.text[:1000].strip().partition("\n")[0]
    said = parsed.reply[:1000].strip().partition("\n")[0]
    return {customerwords.read(line) for line in {top, said}}


def handle(case: Case, work: Work) -> None:
    asked, ticket = _read(case), work.ticket
    if asked is None or ticket is None or case.imported:
        return
    why = _not_owner(case, work, ticket)
    if asked is Asked.STATUS:
        why = why or _unanswerable(case, work, ticket)
    elif asked.wish and work.rights.acknowledged is not Acknowledging.YES:  # it lasts, and is for all of his tickets
        why = why or "the sender is not proved well enough"
    elif asked.personal:
        why = why or privacy.why_not(case, asked)
    if why:
        work.because(NAME, f"says {asked.value!r}, taken as an ordinary answer: {why}")
        return
    work.asked = asked
    work.mark(asked.value)
    work.because(NAME, f"the customer of {ticket.number} says {asked.value!r}")


def _read(case: Case) -> Asked | None:
    parsed = case.parsed
    if parsed.nothing_new or any(not file.inline for file in parsed.attachments):
        return None
    who = f"{case.person.name} {case.person.address}" if case.person else ""
    return customerwords.decided(parsed.reply, who) if case.personal else customerwords.read(parsed.reply, who)


def _not_owner(case: Case, work: Work, ticket: Ticket) -> str:
    joins = work.rights.joins
    if joins not in (Joining.YES, Joining.WEAK, Joining.WITH_TOKEN):
        return "the sender may not join by himself"
    if case.actions or case.confirms:
        return "written to an address of an agent"
    if ticket.customer is None or case.post.key(ticket.customer.address) != case.sender:
        return "the sender is not the ticket's customer"
    given = any(token.id == ticket.id and token.person_matches(case.sender) for token in case.replies)
    if joins is not Joining.YES and not given:
        return f"evidence {case.mail.verdict.evidence.value} counts only with the signed address"
    return ""


def _unanswerable(case: Case, work: Work, ticket: Ticket) -> str:
    if work.rights.acknowledged is not Acknowledging.YES or case.mail.envelope.mail_from is None:
        return "the sender is not proved well enough to be answered"
    if case.parsed.silence:
        return "its sender asks for no automatic answer"
    if ticket.id not in case.facts.said.entries:
        return "what was said in the ticket was not asked for"
    return ""
