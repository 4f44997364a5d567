"""Our mail is signed when it leaves: with the keys then in force, and a retry alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dkim
import pytest

from smtpgate.auth.sign import public_record
from smtpgate.delivery import sender
from smtpgate.deliverysettings import DkimKey
from smtpgate.mail import header
from smtpgate.mail.compose import compose
from smtpgate.model import OutgoingMail
from tests.support.letters import dkim_key, letter, templates
from tests.support.sink import Sink
from tests.unit.delivery.office import Office, settings, to_smarthost


def selectors(data: bytes, keys: Sequence[DkimKey]) -> list[str]:
    """Of the signatures on it, all of which these keys verify."""
    records = {f"{key.selector}._domainkey.{key.domain}.".encode(): public_record(key).encode() for key in keys}
    found = [f for f in header.split(data)[0] if f.name == "dkim-signature"]
    for which in range(len(found)):
        assert dkim.DKIM(data).verify(idx=which, dnsfunc=lambda name, timeout=5: records.get(name))
    return [f.value.split(b"s=")[1].split(b";")[0].decode() for f in found]


async def queued(office: Office, **change: object) -> OutgoingMail:
    composed = compose(letter(**change), templates())
    return await office.queue("maria@example.org", "otto@example.org", data=composed.data, message_id=composed.message_id)


def another(key: DkimKey, selector: str) -> DkimKey:
    other = DkimKey(domain=key.domain, selector=selector, key_file=Path("unused"))
    other._pem = dkim_key("rsa", "example.com", 1024)._pem
    return other


async def test_a_retry_has_the_same_octets_and_after_a_change_of_keys_the_new_signature(office: Office, sink: Sink) -> None:
    keys = [dkim_key("rsa"), dkim_key("ed25519")]
    new = [another(keys[0], "next")]
    mail = await queued(office)
    sink.script("DOT", "451 4.3.0 later", "451 4.3.0 later")
    office.start(to_smarthost(sink), dkim=keys)
    await office.deliver()
    await office.pass_time(2 * 3600)
    await office.stop()
    office.start(to_smarthost(sink), dkim=new)
    await office.pass_time(4 * 3600)
    first, again, after = (one.data for one in sink.mails)
    assert first == again
    assert selectors(first, keys) == ["rsa", "ed25519"]
    assert selectors(after, new) == ["next"]
    assert {data.endswith(mail.data) for data in (first, again, after)} == {True}  # Message-ID and all
    assert [one.reply[:3] for one in sink.mails] == ["451", "451", "250"]


@pytest.mark.parametrize("large", [1, 10**9], ids=["in-a-thread", "on-the-loop"])
async def test_a_forward_and_a_letter_are_signed_whatever_their_size(
    office: Office, sink: Sink, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(sender, "_LARGE", large)
    await queued(office)
    office.start(to_smarthost(sink), dkim=[dkim_key("rsa")])
    await office.deliver()
    assert selectors(sink.mails[0].data, [dkim_key("rsa")]) == ["rsa"]


async def test_a_maildir_gets_signed_mail_and_what_was_signed_before_stays_as_it_is(office: Office, tmp_path: Path) -> None:
    box = tmp_path / "box"
    plain = b"From: support@example.com\r\nSubject: x\r\n\r\nwords\r\n"
    await office.queue("maria@example.org", data=plain)
    await office.queue("maria@example.org", data=b"DKIM-Signature: v=1; of an earlier version\r\n" + plain)
    office.start(settings("maildir", maildir=box), dkim=[dkim_key("rsa")])
    await office.deliver()
    found = {path.read_bytes().split(b"\n", 2)[2].replace(b"\n", b"\r\n") for path in (box / "new").iterdir()}
    found.remove(b"DKIM-Signature: v=1; of an earlier version\r\n" + plain)
    assert selectors(found.pop(), [dkim_key("rsa")]) == ["rsa"]
