"""#template: an answer's text that was written before. It goes to the customer as if the agent had written it, or not at all."""

from __future__ import annotations

from dataclasses import replace

from smtpgate.desk.commands import Reading
from smtpgate.desk.commandtable import COMMANDS, Verb
from smtpgate.desksettings import Agent, Desk
from smtpgate.handlers.agentwords import LINES
from smtpgate.handlers.case import Case
from smtpgate.languages import Language, colon
from smtpgate.mail.agentwords import LANGUAGES
from smtpgate.mail.letters import ComposeError, desk_name, greeting_name, one_line, shown_subject
from smtpgate.model import Ticket

_FIRST = 100  # characters of a first line that are shown
_MOST = 100  # names of a list


def asks_for_list(reading: Reading) -> bool:
    """#template and nothing else."""
    given = reading.of(Verb.TEMPLATE)
    return given is not None and not given.value and len(reading.commands) == 1 and not reading.text


def listed(case: Case, language: Language) -> tuple[str, ...]:
    """A line for each: its name, its languages, how it begins."""
    names = LANGUAGES[language]
    command = next(command for command in COMMANDS if command.verb is Verb.TEMPLATE).name(language)
    lines = [
        f"#{command} {name} ({', '.join(names.get(one, one) for one in languages)}){colon(language)}{one_line(first, _FIRST)}"
        for name, languages, first in case.post.templates.canned.listed()
    ]
    more = (LINES[language]["more"],) if len(lines) > _MOST else ()
    return (*lines[:_MOST], *more) if lines else (LINES[language]["template-none"],)


def filled(case: Case, ticket: Ticket, desk: Desk, agent: Agent, reading: Reading, *, inside: bool) -> Reading | tuple[str, ...]:
    """With the text that it names below the agent's own; or why there is none, in lines for him."""
    given = reading.of(Verb.TEMPLATE)
    if given is None:
        return reading
    words, canned, language = LINES[agent.language], case.post.templates.canned, case.post.language(ticket)
    if not given.value:
        return (words["template-which"], *listed(case, agent.language))
    name = canned.found(given.value)
    if name is None:
        near = canned.nearest(given.value)
        meant = (words["template-near"].format(name=near),) if near else ()
        return (words["template-unknown"].format(name=given.value), *meant, *listed(case, agent.language))
    if inside:
        return (words["template-inside"],)
    if language not in canned.languages(name):
        names = LANGUAGES[agent.language]
        has = ", ".join(names.get(one, one) for one in canned.languages(name))
        return (words["template-language"].format(name=name, new=names.get(language, language), has=has),)
    values = {
        "number": ticket.number,
        "subject": shown_subject(ticket.subject, ticket.number) if ticket.subject_shown else "",
        "name": greeting_name(ticket.customer.name) if ticket.customer else "",
        "desk": desk_name(desk, language),
    }
    try:
        text = canned.text(name, language, values)
    except ComposeError as error:
        return (words["unbuilt"].format(why=error),)
    return replace(reading, text="\n\n".join(filter(None, (reading.text, text))))
