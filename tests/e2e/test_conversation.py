"""A gateway as `make run` starts it, written to with swaks and with a mail client's own means."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import parseaddr
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.gateway import DESK, Gateway, letter, text_of

pytestmark = pytest.mark.xdist_group("conversation")  # one gateway for all of them

NUMBER = re.compile(r"\[#(\d{8}-EML-\d{4})\]")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway.make(tmp_path_factory.mktemp("gateway")).running() as running:
        yield running


def number_of(mail: EmailMessage) -> str:
    found = NUMBER.search(str(mail["Subject"]))
    assert found, mail["Subject"]
    return found[1]


def entries(gateway: Gateway, number: str) -> list[tuple[str, str]]:
    return [(e["kind"], e["author"]) for e in gateway.cli_show("ticket", "show", number)["entries"]]


@pytest.mark.skipif(not shutil.which("swaks"), reason="swaks is not installed")
@pytest.mark.parametrize(
    ("who", "subject", "body", "language", "phrase"),
    [
        ("en", "Printer on fire", "The printer in room four is burning and I would like somebody to come.", "en", "Hello"),
        ("zh", "打印机着火了", "四楼的打印机着火了，请尽快派人来看一下，谢谢你们。", "zh", "您好"),
    ],
)
def test_swaks_gets_the_number_in_the_language_of_its_mail(
    gateway: Gateway, who: str, subject: str, body: str, language: str, phrase: str
) -> None:
    address = f"swaks-{who}@customer.example"
    done = subprocess.run(
        [
            "swaks", "--server", f"127.0.0.1:{gateway.port}", "--from", address, "--to", DESK,
            "--header", f"Subject: {subject}", "--add-header", "MIME-Version: 1.0",
            "--add-header", "Content-Type: text/plain; charset=utf-8", "--body", body,
        ],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    answer = gateway.mails_to(address)[0]
    number = number_of(answer)
    assert subject in str(answer["Subject"])
    assert answer["Content-Language"].startswith(language)
    assert phrase in text_of(answer)
    assert number in text_of(answer)
    assert answer["Auto-Submitted"] == "auto-replied"
    html = answer.get_body(("html",))
    assert html is not None
    assert number in html.get_content()
    shown = gateway.cli_show("ticket", "show", number)
    assert (shown["subject"], shown["customer"], shown["language"]) == (subject, address, language)
    assert body in shown["entries"][0]["text"]


def test_an_answer_to_the_acknowledgement_threads_as_a_mail_client_sends_it(gateway: Gateway) -> None:
    """To its Reply-To, with In-Reply-To and References."""
    gateway.send(letter("My scanner", "It scans only the left half of each page."))
    first = gateway.mails_to("alice@customer.example")[0]
    number = number_of(first)
    reply_to = parseaddr(first["Reply-To"])[1]
    assert reply_to != DESK
    answer = letter(f"Re: {first['Subject']}", "And now only the right half.\n\n> It scans\n", to=reply_to)
    answer["In-Reply-To"], answer["References"] = first["Message-ID"], first["Message-ID"]
    gateway.send(answer, to=reply_to)
    gateway.settle()
    assert [e for e in entries(gateway, number) if e[0] == "customer"] == [("customer", "alice@customer.example")] * 2
    assert gateway.mails_to("alice@customer.example")  # and no further mail was sent


def test_the_links_of_our_mail_tell_how_it_stands_and_close_it(gateway: Gateway) -> None:
    who = "frank@customer.example"
    gateway.send(letter("My chair", "It squeaks.", sender=who), sender=who)
    first = gateway.mails_to(who)[0]
    number = number_of(first)
    html = first.get_body(("html",))
    assert html is not None
    for link in re.findall(r'href="(mailto:[^"]*)"', html.get_content())[:2]:  # how is it going, it is solved
        tapped = urlsplit(unescape(link))
        said = parse_qs(tapped.query)
        gateway.send(letter(said["subject"][0], said["body"][0], sender=who, to=tapped.path), sender=who, to=tapped.path)
        gateway.settle()
    _, status, closed = gateway.mails_to(who, count=3)
    assert f"{number}" in text_of(status)
    assert "State:    received" in text_of(status)
    assert "closed" in text_of(closed)
    assert gateway.cli_show("ticket", "show", number)["status"] == "closed"


@pytest.mark.parametrize(
    ("nickname", "tag"),
    [("re", "Re: [#{}] My lamp"), ("de", "AW: [#{}] My lamp"), ("zh", "回复：【#{}】My lamp"), ("bare", "My lamp {}")],
)
def test_an_answer_threads_by_its_subject_alone(gateway: Gateway, nickname: str, tag: str) -> None:
    address = f"bob-{nickname}@customer.example"
    gateway.send(letter("My lamp", f"It flickers. {nickname}", sender=address), sender=address)
    number = number_of(gateway.mails_to(address)[0])
    gateway.send(letter(tag.format(number), "Now it is dark.", sender=address), sender=address)
    gateway.settle()
    assert [e for e in entries(gateway, number) if e[0] == "customer"] == [("customer", address)] * 2
    assert gateway.count("SELECT count(*) FROM participant WHERE address = ?", address) == 1


def test_a_stranger_who_writes_the_number_learns_nothing_and_joins_nothing(gateway: Gateway) -> None:
    gateway.send(letter("My secret", "Nobody may see this.", sender="carol@customer.example"), sender="carol@customer.example")
    number = number_of(gateway.mails_to("carol@customer.example")[0])
    mallory = "mallory@elsewhere.example"
    gateway.send(letter(f"Re: [#{number}] My secret", "Please tell me all.", sender=mallory), sender=mallory)
    answer = gateway.mails_to(mallory)[0]
    assert number not in str(answer)
    assert entries(gateway, number)[0] == ("customer", "carol@customer.example")
    assert mallory not in str(gateway.cli_show("ticket", "show", number))
    other = gateway.cli_show("ticket", "show", number_of(answer))
    assert any(number in mark for mark in other["entries"][0]["marks"])


def test_the_same_mail_again_opens_no_second_ticket_and_is_noticed_once(gateway: Gateway) -> None:
    """Written twice (two Message-IDs), then delivered twice (one Message-ID)."""
    who = "dave@customer.example"
    for _ in range(3):
        gateway.send(letter("No coffee", "The machine is empty again.", sender=who), sender=who)
    mails = gateway.mails_to(who, count=2)
    gateway.settle()
    assert len(gateway.mails_to(who, count=2)) == 2
    number = number_of(mails[0])
    assert number_of(mails[1]) == number
    assert [e[0] for e in entries(gateway, number) if e[0] in ("customer", "repeat")] == ["customer", "repeat", "repeat"]
    assert gateway.count("SELECT count(*) FROM participant WHERE address = ?", who) == 1

    who = "erin@customer.example"
    same = letter("No tea", "The kettle is gone.", sender=who)
    for _ in range(3):
        gateway.send(same, sender=who)
    gateway.settle()
    number = number_of(gateway.mails_to(who)[0])  # one mail: a repeated delivery is nobody's doing
    assert [e[0] for e in entries(gateway, number) if e[0] in ("customer", "repeat")] == ["customer", "repeat", "repeat"]


def test_machines_and_the_null_sender_get_no_answer(gateway: Gateway) -> None:
    for name, headers in {
        "auto": {"Auto_Submitted": "auto-replied"},
        "list": {"List_Id": "<news.customer.example>"},
        "bulk": {"Precedence": "bulk"},
    }.items():
        who = f"machine-{name}@customer.example"
        gateway.send(letter("News", f"What is new: {name}", sender=who, **headers), sender=who)
    gateway.send(letter("Failure", "It failed.", sender="null@customer.example"), sender="<>")
    gateway.settle()
    told = [str(m["To"]) for m in gateway.mails()]
    assert not [t for t in told if "machine-" in t or "null@" in t]


def test_the_ways_of_a_mail_that_is_not_for_us(gateway: Gateway) -> None:
    with gateway.smtp() as client:
        client.ehlo()
        client.mail("alice@customer.example")
        assert client.rcpt("somebody@elsewhere.example")[0] == 550
        assert client.rcpt("nobody@desk.example")[0] == 550
        assert client.rcpt("postmaster")[0] == 250
        assert client.rcpt("abuse@desk.example")[0] == 250
        assert client.rcpt("support+anything@desk.example")[0] == 250


def test_the_tryout_settings_serve_and_answer(tmp_path: Path) -> None:
    """`smtpgate serve --try` in an empty directory, on another port than the fixed one."""
    from importlib.resources import files

    settings = files("smtpgate").joinpath("tryout.toml")
    gateway = Gateway.make(tmp_path / "var")
    text = settings.read_text(encoding="utf-8").replace('"var/', '"')
    assert text.count(":2525") >= 1
    gateway.config.write_text(text.replace(":2525", f":{gateway.port}"), encoding="utf-8")
    desk = re.search(r'^address = "([^"]+)"', text, re.MULTILINE)
    assert desk
    with gateway.running():
        gateway.send(letter("Hello there", "Is anybody at home in this office today?", to=desk[1]), to=desk[1])
        assert number_of(gateway.mails_to("alice@customer.example")[0])
