"""Mail to postmaster and abuse reaches the person, once, whatever else becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpgate.model import Evidence, MailState
from tests.support.helpdesk import DESK, Helpdesk, helpdesk, mail

ROLE = "postmaster@help.example"
PERSON = "boss@corp.example"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, server={"name": "mx.help.example", "postmaster": PERSON}) as desk:
        yield desk


async def test_a_mail_to_postmaster_and_a_desk_is_forwarded_even_when_it_is_held(desk: Helpdesk) -> None:
    held = await desk.post(mail(), evidence=Evidence.FAIL, rcpts=(ROLE, DESK))
    assert (held.outcome, held.purposes) == ("held", ["postmaster"])
    released = await desk.release(held.mail.id)
    assert (released.outcome, released.purposes) == ("new", ["received"])
    assert sorted(m.purpose for m in await desk.outgoing()) == ["postmaster", "received"]


@pytest.mark.parametrize("rcpts", [(ROLE,), (ROLE, DESK), ("postmaster",), ("abuse@help.example",)])
async def test_our_own_forward_that_comes_back_is_not_forwarded_again(desk: Helpdesk, rcpts: tuple[str, ...]) -> None:
    back = mail("[smtpgate] Mail to postmaster", sender=DESK, headers=["Auto-Submitted: auto-generated"])
    filed = await desk.post(back, sender=DESK, mail_from=None, rcpts=rcpts)
    assert (filed.mail.state, filed.sent) == (MailState.HELD, ())


async def test_what_has_our_name_and_a_sender_of_its_own_is_forwarded(desk: Helpdesk) -> None:
    assert (await desk.post(mail(sender=DESK), sender=DESK, rcpts=(ROLE,))).purposes == ["postmaster"]


async def test_a_bounce_to_postmaster_is_forwarded(desk: Helpdesk) -> None:
    sender = "mailer-daemon@isp.example"
    filed = await desk.post(mail("Undelivered", sender=sender), sender=sender, mail_from=None, rcpts=(ROLE,))
    assert (filed.outcome, [m.recipients[0].address for m in filed.sent]) == ("forwarded", [PERSON])


async def test_without_a_postmaster_the_first_desk_has_it(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        filed = await desk.post(mail(), rcpts=("Postmaster",))
        assert (filed.outcome, filed.purposes) == ("new", ["received"])


@pytest.mark.parametrize(
    ("rcpts", "outcome"), [((ROLE,), "forwarded"), (("abuse@help.example",), "forwarded"), ((ROLE, DESK), "new")]
)
async def test_who_releases_our_own_mail_means_it_to_arrive(desk: Helpdesk, rcpts: tuple[str, ...], outcome: str) -> None:
    """To the person, where nobody else would read it."""
    held = await desk.post(mail("Report", sender=DESK), sender=DESK, mail_from=None, rcpts=rcpts)
    released = await desk.release(held.mail.id)
    assert (released.outcome, "postmaster" in released.purposes) == (outcome, outcome == "forwarded")
