"""What is new in an answer, seen beside the mails that it answers, which the store holds. Pure; no decision is made here."""

from __future__ import annotations

from dataclasses import replace

from smtpgate.mail import parent, trim
from smtpgate.model import ParsedMail
from smtpgate.store.api import Facts


def refined(parsed: ParsedMail, facts: Facts) -> ParsedMail:
    """The mail with its view of what is new mended by what it answers."""
    if (not facts.letters and not facts.parents) or not parent.may_be_quoted(parsed.text, facts.letters, facts.parents):
        return parsed
    said = trim.split_before(parsed.text, parsed.roles, parsed.tail, subject=parsed.subject)
    texts = [text for letter in facts.letters for text in parent.texts_of(letter)]
    found = parent.refined(parsed.text, parsed.reply, said, [*texts, *facts.parents])
    if found is None:
        return parsed
    reply, context = found.own(), found.in_context()
    return replace(parsed, reply=reply, context=context if context != reply else "")


def of_agent(parsed: ParsedMail, address: str) -> ParsedMail:
    """Without the agent's own address below his words, which some clients (Foxmail) sign every mail with. address "": of
    somebody else."""
    if not address or not parsed.reply.lower().endswith((address.lower(), f"{address.lower()}>")):
        return parsed
    lines = parsed.reply.split("\n")
    while lines and lines[-1].strip(" \t<>").lower() in ("", address.lower()):
        lines.pop()
    return replace(parsed, reply="\n".join(lines))
