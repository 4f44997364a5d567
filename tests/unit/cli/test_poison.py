"""`smtpgate poison file --opaque`: filed whole, unread; and poison again when that fails too."""

from __future__ import annotations

from typing import Any

import pytest

from smtpgate.handlers.pipeline import Pipeline
from smtpgate.model import MailState
from tests.unit.cli.conftest import RAW, Shop


def mail(shop: Shop, mail_id: str) -> Any:
    return shop.store(lambda store: store.mail(mail_id))


def test_it_opens_a_ticket_that_holds_the_raw_mail(shop: Shop) -> None:
    said = shop.good("poison", "file", "--opaque", shop.poison[0])
    assert said.startswith(f"{shop.poison[0]}: new ")
    number = said.split()[-1]
    filed = mail(shop, shop.poison[0])
    assert (filed.state, filed.raw) == (MailState.FILED, RAW)
    (row,) = shop.rows("ticket", "show", number)
    assert [e["mail_id"] for e in row["entries"]] == [shop.poison[0]]
    assert "它不打印" not in row["entries"][0]["text"]
    assert [r["id"] for r in shop.rows("poison", "list")] == [shop.poison[1]]


def test_it_must_be_asked_for_and_the_mail_must_be_poison(shop: Shop) -> None:
    assert shop.bad("poison", "file", shop.poison[0])[0] == 2
    code, said = shop.bad("poison", "file", "--opaque", shop.held[0])
    assert (code, "is not among the poison mail" in said) == (1, True)
    assert mail(shop, shop.held[0]).state is MailState.HELD


def test_what_cannot_be_filed_whole_either_is_poison_with_the_new_reason(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("still broken")

    monkeypatch.setattr(Pipeline, "decide", broken)
    code, said = shop.bad("poison", "file", "--opaque", shop.poison[0])
    assert (code, "still broken" in said) == (1, True)
    after = mail(shop, shop.poison[0])
    assert (after.state, after.reason) == (MailState.POISON, "RuntimeError: still broken")


def test_nobody_else_takes_it_meanwhile(shop: Shop) -> None:
    async def work(store: Any) -> Any:
        mine = await store.claim_poison(shop.poison[0], worker="me", now=1000.0, lease=60.0)
        again = await store.claim_poison(shop.poison[0], worker="you", now=1000.0, lease=60.0)
        during = await store.claim(worker="gateway", now=1059.0, lease=60.0, limit=9)
        later = await store.claim(worker="gateway", now=1060.0, lease=60.0, limit=9)
        return mine.raw, again, [m.id for m in during], [m.id for m in later]

    assert shop.store(work) == (RAW, None, [], [shop.poison[0]])
