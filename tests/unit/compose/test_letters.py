"""Letters as they leave us: their header, their text, and what hostile values cannot do to them."""

from __future__ import annotations

import binascii
import email
import email.policy
import re
from email.message import EmailMessage
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.desksettings import Desk, Texts
from smtpgate.languages import LANGUAGES, TAGS
from smtpgate.mail import customerwords, header, wire
from smtpgate.mail.compose import Composed, compose
from smtpgate.mail.customerwords import Asked
from smtpgate.mail.letters import LONGEST_MESSAGE, ComposeError, Purpose, greeting_name, new_message_id, shown_subject
from smtpgate.model import Address
from smtpgate.numbers import NumberPattern, find
from tests.support.letters import HEADER, NUMBER, letter, templates

PATTERNS = (NumberPattern.compile("{date}-{channel}-{serial:04}"),)
EVIL = ["Re: x\r\nBcc: victim@example.net", "=?utf-8?q?a=0D=0ABcc:_x=40y?=", "a\u2028Bcc: x@y", "a\x85Bcc: x@y",
        "\ud800\udc00 \udfff", "\u202e\u2066evil", "x" * 5000,
        "\x00\x01\x1b[2J", "", " ", "\r\n\r\nbody", "=?utf-8?b?", "中" * 3000, '"<>@,;:\\', "a" + "\t" * 900 + "b"]  # fmt: skip
SSTI = ["{{ 7 * 7 }}", "{% include 'base.html' %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{# gone #}", "${7*7}", "<%= 7*7 %>",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% for c in range(10**9) %}x{% endfor %}", "{{ config }}"]  # fmt: skip


def made(**changes: Any) -> Composed:
    return compose(letter(**changes), templates())


def read(composed: Composed) -> EmailMessage:
    message = email.message_from_bytes(composed.data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def bodies(composed: Composed) -> tuple[str, str]:
    text, html = (str(part.get_content()).replace("\r\n", "\n") for part in read(composed).iter_parts())
    return text, html


def names(composed: Composed) -> list[str]:
    return [f.name for f in header.split(composed.data)[0]]


# --- the header -------------------------------------------------------------------------------------------------------


def test_header_says_who_what_and_that_a_machine_wrote_it() -> None:
    composed = made()
    message = read(composed)
    assert names(composed) == HEADER
    assert str(message["From"]) == "Example Support <support@example.com>"
    assert str(message["To"]) == "Maria Schmidt <maria@example.org>"
    assert str(message["Reply-To"]) == "Example Support <support+rabc@example.com>"
    assert str(message["Subject"]) == f"[#{NUMBER}] Printer is on fire"
    assert str(message["Date"]) == "Fri, 02 Jan 2026 08:00:00 +0800"  # the desk's zone
    assert message["Message-ID"] == composed.message_id == "<abc.def@example.com>"
    assert (message["In-Reply-To"], message["References"]) == ("<m2@example.org>", "<m1@example.org> <m2@example.org>")
    assert (message["Auto-Submitted"], message["X-Auto-Response-Suppress"]) == (
        "auto-replied",
        "DR, RN, NRN, OOF, AutoReply",
    )
    assert message["Content-Language"] == "en"
    assert (composed.smtputf8, composed.eightbit) == (False, False)


def test_status_mail_is_auto_generated() -> None:
    assert read(made(purpose=Purpose.RESOLVED))["Auto-Submitted"] == "auto-generated"


def test_no_precedence_bulk_and_nothing_that_is_not_ours_to_write() -> None:
    assert not {"precedence", "return-path", "bcc", "x-mailer", "sender"} & set(names(made()))


def test_a_first_mail_has_no_thread_fields() -> None:
    composed = made(in_reply_to=None, references=())
    assert names(composed) == [n for n in HEADER if n not in ("in-reply-to", "references")]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
def test_octets_are_seven_bit_with_short_lines(purpose: Purpose, language: Any) -> None:
    composed = made(
        purpose=purpose,
        language=language,
        subject="打印机" * 60,
        message="很长的一行 with ascii " * 200,
        to=Address("张" * 70, "z@x.org"),
    )
    assert composed.data.isascii()
    assert composed.data.count(b"\r\n") == composed.data.count(b"\n") == composed.data.count(b"\r")
    assert max(map(len, composed.data.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
def test_hostile_values_never_change_the_header(purpose: Purpose, language: Any) -> None:
    for evil in EVIL:
        composed = made(purpose=purpose, language=language, subject=evil, to=Address(evil, "maria@example.org"), message=evil)
        assert names(composed) == HEADER, evil
        assert find(str(read(composed)["Subject"]), PATTERNS)[0] == NUMBER, evil


@pytest.mark.parametrize(
    "address",
    [
        "a@b\r\nBcc: x@y",
        "a b@x.org",
        "<a@x.org>",
        "a@x.org, b@y.org",
        "",
        "a",
        "@x.org",
        "a@",
        "a\x00@x.org",
        "a@x..org",
        'x"y@z.org',
        "a@x.org>",
        "\u202ea@x.org",
        "a@" + "x" * 400,
    ],
)
def test_address_that_is_none_is_refused(address: str) -> None:
    """Also what aiosmtplib would read anew: its re-parsing must never see a strange address."""
    with pytest.raises(ComposeError):
        made(to=Address("", address))
    with pytest.raises(ComposeError):
        made(reply_to=address or "x")


def test_refused_when_an_id_is_none() -> None:
    with pytest.raises(ComposeError, match="Message-ID"):
        made(message_id="<a@b>\r\nBcc: x@y")


def test_thread_ids_that_are_none_are_left_out() -> None:
    message = read(made(in_reply_to="<a b@c>", references=("<ok@x>", "no", "<\u4e2d@x>", "<a@b>\r\nBcc: x", "<" + "y" * 400 + ">")))
    assert message["In-Reply-To"] is None
    assert message["References"] == "<ok@x>"


def test_references_keep_the_first_and_the_newest() -> None:
    ids = tuple(f"<message-{n:04}.{'x' * 30}@mail.example.org>" for n in range(200))
    value = wire.references(ids, "<parent@example.org>")
    kept = value.split()
    assert len(value.replace("\r\n", "")) <= 1500
    assert (kept[0], kept[-1], kept[-2]) == (ids[0], "<parent@example.org>", ids[-1])
    assert kept[1:-1] == list(ids[-len(kept[1:-1]) :])


def test_header_check_catches_what_slips_through() -> None:
    """Threats C1 and F9: whatever fails above, octets with another header never leave."""
    with pytest.raises(ComposeError, match="not the intended one"):
        wire.assemble([("Subject", "x\r\nBcc: victim@example.net")], wire.Multipart("mixed", "u", []))
    with pytest.raises(ComposeError, match="not the intended one"):
        wire.assemble([("Subject", "x\r\n\r\nbody")], wire.Multipart("mixed", "u", []))
    for value in ("x\n y", "x\r y", "x\0y", "x\r\n \r\n y", "x\r\ny", "x\r\n"):
        with pytest.raises(ComposeError, match="not the intended one"):
            wire.assemble([("Subject", value)], wire.Multipart("mixed", "u", []))
    for body in (b"x\ny\r\n", b"x\ry\r\n", b"x\r\n\n"):
        with pytest.raises(ComposeError, match="does not belong"):
            wire.assemble([("Subject", "x")], wire.Multipart("mixed", "u", [body]))
    assert wire.assemble([("Subject", "x\r\n\ty: z")], wire.Multipart("mixed", "u", [b"x\r\n"])).startswith(
        b"Subject: x\r\n\ty: z\r\n"
    )


# --- international addresses ------------------------------------------------------------------------------------------


def test_local_part_beyond_ascii_needs_smtputf8() -> None:
    composed = made(to=Address("", "用户@例子.测试"))
    assert (composed.smtputf8, composed.eightbit) == (True, True)
    assert "To: 用户@xn--fsqu00a.xn--0zwm56d\r\n".encode() in composed.data
    assert names(composed) == HEADER


def test_domain_beyond_ascii_goes_as_a_labels() -> None:
    composed = made(to=Address("", "maria@Bücher.example"))
    assert composed.smtputf8 is False
    assert b"To: maria@xn--bcher-kva.example\r\n" in composed.data


# --- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
def test_every_mail_names_its_number_in_both_forms(purpose: Purpose, language: Any) -> None:
    text, html = bodies(made(purpose=purpose, language=language))
    assert NUMBER in text
    assert NUMBER in html
    assert "20260102-EML-0042]" not in text  # the tag is the subject's


@pytest.mark.parametrize("payload", SSTI)
@pytest.mark.parametrize("language", LANGUAGES)
def test_template_code_in_values_comes_out_as_it_is(payload: str, language: Any) -> None:
    composed = made(purpose=Purpose.WAITING, language=language, subject=payload, message=payload, to=Address(payload, "a@x.org"))
    text, _ = bodies(composed)
    assert payload in str(read(composed)["Subject"])
    assert payload in text


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='x", "</td></table><h1>"]
)
def test_html_in_values_is_escaped(evil: str) -> None:
    _, html = bodies(made(purpose=Purpose.WAITING, subject=evil, message=evil, to=Address(evil, "a@x.org")))
    assert evil not in html
    assert "<script" not in html
    assert not re.search(r"<(img|h1>)", html.replace('<h1 class="ink"', ""))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
def test_html_loads_nothing_and_runs_nothing(purpose: Purpose, language: Any) -> None:
    _, html = bodies(made(purpose=purpose, language=language, message="x"))
    assert not re.search(
        r"<(img|script|link|iframe|object|form|input|svg|base)\b|src=|href=(?!.mailto:)|url\(|@import|@font-face|javascript:",
        html,
        re.IGNORECASE,
    )
    assert set(re.findall(r"https?://[^\"]*", html)) <= {"http://www.w3.org/1999/xhtml"}
    assert f'<html lang="{TAGS[language]}"' in html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("fewer", [False, True])
def test_each_link_answers_with_one_word(purpose: Purpose, language: Any, *, fewer: bool) -> None:
    """The signed address, the subject kept, a word that we read; and the text names the same words."""
    text, html = bodies(made(purpose=purpose, language=language, subject='Fax & "x" 打印机', fewer=fewer))
    links = [urlsplit(unescape(link)) for link in re.findall(r'href="([^"]*)"', html)]
    nothing = (Purpose.HANDED, Purpose.PRIVACY, Purpose.NOTICE)
    steers = [] if purpose in (Purpose.CLOSED, *nothing) else [Asked.STATUS, Asked.SOLVED, Asked.UNSOLVED]
    languages = [one for one in (Asked.SIMPLIFIED, Asked.TRADITIONAL, Asked.ENGLISH) if one.language != language]
    wanted = [] if purpose in nothing else [*steers, *languages, Asked.ALL if fewer else Asked.FEWER]
    said = [parse_qs(link.query) for link in links]
    assert [(link.scheme, link.path) for link in links] == [("mailto", "support+rabc@example.com")] * len(wanted)
    assert [customerwords.read(one["body"][0]) for one in said] == wanted
    assert {one["subject"][0] for one in said} <= {f'Re: [#{NUMBER}] Fax & "x" 打印机'}
    for asked in wanted:
        assert customerwords.offered(asked, language) in " ".join(text.splitlines()[-2:])


def test_a_link_shows_no_subject_that_may_not_be_shown_and_stays_short() -> None:
    _, html = bodies(made(show_subject=False, subject="CANARY"))
    assert f"subject=Re%3A%20%5B%23{NUMBER}%5D&amp;body=status" in html
    _, html = bodies(made(subject="打印机" * 100))
    assert max(map(len, re.findall(r'href="([^"]*)"', html))) < 2000


@pytest.mark.parametrize("language", LANGUAGES)
def test_notice_has_nothing_of_theirs(language: Any) -> None:
    composed = made(
        purpose=Purpose.NOTICE,
        language=language,
        subject="CANARY-S",
        message="CANARY-M",
        to=Address("CANARY-N", "maria@example.org"),
    )
    message = read(composed)
    assert "CANARY" not in str(message) + "".join(bodies(composed)) + str(message["Subject"])
    assert message["To"] == "maria@example.org"


def test_subject_is_hidden_unless_it_may_be_shown() -> None:
    composed = made(show_subject=False, subject="CANARY")
    assert "CANARY" not in str(read(composed)["Subject"]) + "".join(bodies(composed))
    assert str(read(composed)["Subject"]) == f"[#{NUMBER}] We have your message"


def test_message_keeps_its_lines() -> None:
    text, html = bodies(made(purpose=Purpose.WAITING, message="one & two\r\n\r\n  three\u2028four"))
    assert "one & two\n\n  three\nfour" in text
    assert "one &amp; two<br>\n<br>\n\u00a0 three<br>\nfour" in html


def test_message_that_is_too_long_is_not_cut_but_refused() -> None:
    with pytest.raises(ComposeError, match="longer than"):
        made(purpose=Purpose.WAITING, message="x" * (LONGEST_MESSAGE + 1))


def test_desk_without_a_name_in_one_language_uses_the_other() -> None:
    desk = Desk(name="sales", address="sales@example.com", display_name=Texts(en='The "Sales" Team'))
    assert str(read(made(desk=desk, language="zh"))["From"]) == '"The \\"Sales\\" Team" <sales@example.com>'
    assert str(read(made(desk=Desk(name="sales", address="sales@example.com")))["From"]) == "sales <sales@example.com>"


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("Re: [#20260102-EML-0042] Printer", "Re: Printer"),
        ("【＃２０２６０１０２－ＥＭＬ－００４２】打印机", "打印机"),
        ("[#20260101-EML-0001] [#20260102-EML-0042] x", "x"),
        ("20260102-EML-0042", ""),
        ("about #20260102-eml-0042 please", "about please"),
        ("[URGENT] keep this", "[URGENT] keep this"),
        ("a" * 400, "a" * 199 + "…"),
    ],
)
def test_subject_has_exactly_one_number(subject: str, shown: str) -> None:
    assert shown_subject(subject, NUMBER) == shown
    line = str(read(made(subject=subject))["Subject"])
    assert line.startswith(f"[#{NUMBER}]")
    assert find(line, PATTERNS) == (NUMBER,)


@pytest.mark.parametrize(
    ("name", "greeted"),
    [("张伟", "张伟"), ("  Maria\r\nSchmidt ", "Maria Schmidt"), ("maria@example.org", ""), ("Win at www.evil.example", ""),
     ("Schmidt, Maria", ""),
     ("12345", ""), ("x" * 50, ""), ("https://evil.example", ""), ("", "")],
)  # fmt: skip
def test_greeting_takes_only_what_people_are_called(name: str, greeted: str) -> None:
    assert greeting_name(name) == greeted


def test_message_ids_are_unguessable_and_ours() -> None:
    one = new_message_id(5, "example.com", b"0123456789")
    assert one == "<aaaaaaaaaaaak.gaytemzugu3doobz@example.com>"
    assert wire.message_id(one) == one
    with pytest.raises(ValueError, match="10 random"):
        new_message_id(5, "example.com", b"012345678")


def test_same_letter_same_octets() -> None:
    """The queue stores them once; a repeat after a crash must not differ."""
    assert made().data == made().data


@given(st.lists(st.one_of(st.sampled_from(["", ".", " ", "a=b", "x \t", "\r", "中文", "w" * 75, "w" * 76, "y" * 1501]), st.text())))
def test_lines_quoted_one_by_one_are_those_quoted_at_once(lines: list[str]) -> None:
    text = "".join(line.encode("utf-8", "replace").decode() + "\n" for line in ("", *lines))
    assert wire.quoted_printable(text) == binascii.b2a_qp(text.replace("\n", "\r\n").encode())


@pytest.mark.parametrize("text", ["", "a", "é", "😀" * 40, "中" * 100, "a" * 300, "x é " * 50])
def test_encoded_words_read_back_and_are_short(text: str) -> None:
    encoded = wire.encoded_words(text)
    assert header.decode_words(encoded.replace("\r\n", "")) == text
    assert all(len(word) <= 75 for word in encoded.split("\r\n "))
