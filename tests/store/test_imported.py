"""History: accepted and filed in one step, in order, never twice, and it sends nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smtpgate.errors import StoreMisuse
from smtpgate.model import MailState
from smtpgate.store.api import Changes, Decide, Facts, OldMail
from smtpgate.store.verbs import VerbStore
from tests.support.store_data import a_query, accepted, an_outgoing


def old(key: str, decide: Decide | None = None) -> OldMail:
    def filed(_: Facts) -> Changes:
        return Changes(state=MailState.FILED, decision=f'"{key}"')

    mail = accepted()
    return OldMail(mail, f"old/{key}", key, replace(a_query(), mail_id=mail.envelope.mail_id, imported=True), decide or filed)


async def test_what_has_come_before_stays_and_the_rest_is_filed_in_order(store: VerbStore) -> None:
    first, second, third = old("1"), old("2"), old("3")
    assert list(await store.file_imported([first, second])) == ['"1"', '"2"']
    assert list(await store.file_imported([old("2"), third, old("1"), old("3")])) == ['"2"', '"3"', '"1"', '"3"']
    assert await store.imported(["1", "3", "4"]) == {"1": '"1"', "3": '"3"'}
    mails = await store.mails(MailState.FILED, limit=10)
    assert [m.id for m in reversed(mails)] == [m.mail.envelope.mail_id for m in (first, second, third)]
    assert (await store.counts())["mail.accepted"] == 0


async def test_one_that_fails_takes_its_batch_along(store: VerbStore) -> None:
    def broken(_: Facts) -> Changes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.file_imported([old("1"), old("2", broken)])
    assert await store.mails(None, limit=10) == ()
    assert await store.imported(["1", "2"]) == {}


async def test_history_that_would_send_is_refused(store: VerbStore) -> None:
    for changes in (
        Changes(state=MailState.FILED, outgoing=(an_outgoing(),)),
        Changes(state=MailState.FILED, bounced=((1, "no"),)),
        Changes(postpone_until=1.0),
    ):
        with pytest.raises(StoreMisuse):
            await store.file_imported([old("1", lambda _, changes=changes: changes)])  # type: ignore[misc]
    assert await store.mails(None, limit=10) == ()
