"""Verbs about history: a batch of old mail accepted and filed at once, and what has come before.

One transaction for a batch in its order, so that a crash at any moment leaves a prefix of the archive filed, and each
mail either whole or not at all. Raises StoreMisuse for changes that would send something, and what decide raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from smtpgate.errors import StoreMisuse
from smtpgate.store import changes, incoming, rows
from smtpgate.store.api import Changes, OldMail
from smtpgate.store.facts import facts
from smtpgate.store.statement import Query, Verb, select_in


def file_imported(
    mails: Sequence[OldMail], packed: Mapping[int, rows.Packed], present: incoming.Present | None = None
) -> Verb[tuple[str, ...]]:
    """packed: raw mails that were packed before, by id()."""
    known = yield from decisions([mail.key for mail in mails])
    for old in mails:
        if old.key not in known:
            known[old.key] = yield from _one(old, packed.get(id(old.mail.raw)), present)
    return tuple(known[old.key] for old in mails)


def _one(old: OldMail, packed: rows.Packed | None, present: incoming.Present | None) -> Verb[str]:
    yield from incoming.accept(old.mail, packed, present)
    mail_id = old.mail.envelope.mail_id
    decided = old.decide((yield from facts(old.query)))
    if _sends(decided) or decided.state is None:
        raise StoreMisuse(f"history is filed and sends nothing: {old.source}")
    yield from changes.apply(decided, mail_id)
    yield Query(
        "UPDATE incoming SET state = $2, reason = $3, decision = $4 WHERE id = $1",
        (mail_id, decided.state, decided.reason, decided.decision),
    )
    yield Query("INSERT INTO imported (key, mail_id, source) VALUES ($1, $2, $3)", (old.key, mail_id, old.source))
    return decided.decision


def _sends(decided: Changes) -> bool:
    silent = replace(decided, outgoing=(), acks=(), told=(), bounced=(), postpone_until=None)
    return silent != decided


def decisions(keys: Sequence[str]) -> Verb[dict[str, str]]:
    found = yield from select_in(
        "SELECT m.key, i.decision FROM imported m JOIN incoming i ON i.id = m.mail_id WHERE m.key IN (...)", keys
    )
    return {row[0]: row[1] for row in found}
