"""A real Postfix in front as relay, another one behind as smarthost."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.support.gateway import DESK, Gateway, free_port, letter, wait_for
from tests.support.postfix import Postfix, missing, postfix

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "there is one"),
    pytest.mark.xdist_group("postfix"),
]

DESKS = [
    {"name": "support", "address": DESK, "aliases": ["help@desk.example"]},
    {"name": "sales", "address": "sales@desk.example", "channel": "SAL"},
]


@dataclass
class Chain:
    front: Postfix
    gateway: Gateway
    behind: Postfix

    def send(self, *to: str, sender: str = "alice@customer.example", subject: str = "Printer on fire") -> None:
        with smtplib.SMTP("127.0.0.1", self.front.port, timeout=30) as client:
            client.sendmail(sender, to or (DESK,), letter(subject, f"{subject}. Please come.", sender=sender).as_bytes())


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """customer -> front -> gateway -> behind -> the customer's Maildir. The gateway is not started."""
    port = free_port()
    with ExitStack() as stack:
        behind = stack.enter_context(
            postfix(virtual_mailbox_domains="customer.example", virtual_mailbox_maps="static:box/", myhostname="out.desk.example")
        )
        front = stack.enter_context(
            postfix(
                relay_domains="desk.example",
                relay_recipient_maps="",
                transport_maps=f"inline:{{ desk.example=smtp:[127.0.0.1]:{port} }}",
                relayhost=f"[127.0.0.1]:{behind.port}",
                myhostname="mx.desk.example",
            )
        )
        gateway = Gateway.make(
            tmp_path_factory.mktemp("gateway"),
            port=port,
            desk=DESKS,
            delivery={"mode": "smarthost", "smarthost": {"host": "127.0.0.1", "port": behind.port, "tls": "none"}},
        )
        yield Chain(front, gateway, behind)


def test_mail_waits_in_postfix_while_we_are_down_then_comes_in_and_its_answer_goes_out(chain: Chain) -> None:
    gateway = chain.gateway
    chain.send(subject="Sent while you were away")
    wait_for(lambda: "status=deferred" in chain.front.log(), why="Postfix defers")
    with gateway.running():
        (answer,) = wait_for(
            chain.behind.mails, seconds=30, why=f"the answer\n{gateway.log()[-2000:]}\n{chain.behind.log()[-2000:]}"
        )
        number = gateway.cli_list("ticket", "list")[0]["number"]
        assert f"[#{number}]" in str(answer["Subject"])
        assert answer["Delivered-To"] == "alice@customer.example"
        assert answer["Return-Path"].startswith("<support+b")
        assert gateway.count("SELECT count(*) FROM incoming") == 1
        row = gateway.rows("SELECT i.mail_from, i.helo, r.body, r.packing FROM incoming i JOIN incoming_raw r USING (seq)")[0]
        assert (row["mail_from"], row["helo"]) == ("alice@customer.example", "mx.desk.example")

        # Three recipients of ours are one transaction, one mail, one shared ticket, and three times "sent" for Postfix.
        before = chain.front.log().count("status=sent")
        chain.send(DESK, "sales@desk.example", "help@desk.example", subject="For all of you")
        wait_for(lambda: chain.front.log().count("status=sent") == before + 3, why="three recipients sent")
        gateway.settle()
        rows = gateway.rows("SELECT rcpts FROM incoming ORDER BY seq DESC LIMIT 1")
        assert gateway.count("SELECT count(*) FROM incoming") == 2
        assert rows[0]["rcpts"].count("@desk.example") == 3
        (newest, *_) = gateway.cli_list("ticket", "list")
        assert newest["subject"] == "For all of you"
        assert len({newest["desk"], *newest["other_desks"]}) == 2
        wait_for(lambda: len(chain.behind.mails()) == 2, why="one answer for it")

        # An unknown recipient among them is refused to Postfix, which tells the sender; the other two are ours.
        chain.send(DESK, "nobody@desk.example", "sales@desk.example", subject="Two of three")
        wait_for(lambda: "status=bounced" in chain.front.log(), why="Postfix bounces the unknown one")
        mails = wait_for(lambda: m if len(m := chain.behind.mails()) == 4 else None, why="answer and bounce")
        bounce = next(m for m in mails if m.get_content_type() == "multipart/report")
        assert "No such user here" in str(bounce)
        assert gateway.count("SELECT count(*) FROM incoming") == 3

        # The customer answers from the Maildir; Postfix takes the signed address along; it is the same ticket.
        reply_to = answer["Reply-To"]
        with smtplib.SMTP("127.0.0.1", chain.front.port, timeout=30) as client:
            reply = letter(f"Re: {answer['Subject']}", "Thank you, it is out.", to=str(reply_to))
            reply["In-Reply-To"] = answer["Message-ID"]
            client.sendmail("alice@customer.example", str(reply_to).partition("<")[2].strip(">") or str(reply_to), reply.as_bytes())
        wait_for(
            lambda: [e["kind"] for e in gateway.cli_show("ticket", "show", number)["entries"]].count("customer") == 2,
            why="the answer is on its ticket",
        )


def test_postfix_gives_up_nothing_when_our_answer_is_451(chain: Chain) -> None:
    """The disk has no room for us: Postfix hears 452 and keeps the mail; with room again it comes."""
    full = Gateway.make(chain.gateway.directory / "full", port=chain.gateway.port, desk=DESKS, limits={"free_space": f"{2**20}GiB"})
    chain.send(subject="No room at the inn")
    with full.running():
        wait_for(lambda: "452 4.3.1" in chain.front.log(), why="Postfix hears 452")
    with chain.gateway.running() as gateway:
        wait_for(lambda: gateway.count("SELECT count(*) FROM ticket WHERE subject = 'No room at the inn'") == 1, seconds=30)
