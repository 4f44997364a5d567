"""A real Postfix that hands mail over by LMTP, its client in its chroot, and by SMTP with XFORWARD."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.gateway import DESK, Gateway, free_port, letter, wait_for
from tests.support.postfix import Postfix, missing, postfix

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "there is one"),
    pytest.mark.xdist_group("postfix"),
]

GOOD, EVIL = "203.0.113.9", "198.51.100.66"
ZONE = {
    "customer.example": {"TXT": [f"v=spf1 ip4:{GOOD} -all"], "MX": ["10 mx.customer.example"]},
    "_dmarc.customer.example": {"TXT": ["v=DMARC1; p=reject"]},
}
DOMAINS = {"unix": "desk.example", "inet": "inet.example", "smtp": "smtp.example"}


@dataclass
class Chain:
    front: Postfix
    gateway: Gateway

    def send(self, *to: str, client: str = GOOD, subject: str = "Printer on fire") -> None:
        """As Postfix sees it, from a client with this address."""
        with smtplib.SMTP("127.0.0.1", self.front.port, timeout=30) as smtp:
            smtp.ehlo()
            assert smtp.docmd("XCLIENT", f"NAME=out.customer.example ADDR={client} HELO=out.customer.example")[0] == 220
            smtp.ehlo("out.customer.example")
            smtp.sendmail("alice@customer.example", to, letter(subject, f"{subject}. Please come.").as_bytes())

    def newest(self) -> dict[str, Any]:
        return self.gateway.rows("SELECT * FROM incoming ORDER BY seq DESC LIMIT 1")[0]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    port, inet = free_port(), free_port()
    with ExitStack() as stack:
        front = stack.enter_context(
            postfix(
                relay_domains=" ".join(DOMAINS.values()),
                relay_recipient_maps="",
                transport_maps="inline:{ desk.example=lmtp:unix:/smtpgate/lmtp.sock,"
                f" inet.example=lmtp:inet:127.0.0.1:{inet}, smtp.example=smtp:[127.0.0.1]:{port} }}",
                lmtp_send_xforward_command="yes",
                smtp_send_xforward_command="yes",
                smtpd_authorized_xclient_hosts="127.0.0.0/8",
                smtpd_recipient_restrictions="reject_unauth_destination",
                myhostname="mx.desk.example",
            )
        )
        spool = front.directory / "queue" / "smtpgate"
        spool.mkdir(mode=0o755)
        gateway = Gateway.make(
            tmp_path_factory.mktemp("gateway"),
            port=port,
            zone=ZONE,
            server={
                "trusted_networks": [],
                "lmtp": [str(spool / "lmtp.sock"), f"127.0.0.1:{inet}"],
                "lmtp_group": "postfix",
                "forwarders": ["127.0.0.0/8"],
            },
            desk=[
                {"name": name, "address": f"{local}@{domain}", "channel": name.upper()}
                for domain in DOMAINS.values()
                for local, name in (("support", domain[:4]), ("sales", domain[:4] + "2"), ("help", domain[:4] + "3"))
            ],
        )
        with gateway.running():
            yield Chain(front, gateway)


@pytest.mark.parametrize("how", DOMAINS)
def test_three_recipients_are_one_delivery_and_three_times_sent(chain: Chain, how: str) -> None:
    before, stored = chain.front.log().count("status=sent"), chain.gateway.count("SELECT count(*) FROM incoming")
    chain.send(*(f"{local}@{DOMAINS[how]}" for local in ("support", "sales", "help")), subject=f"To three by {how}")
    wait_for(lambda: chain.front.log().count("status=sent") >= before + 3, why=f"three times sent\n{chain.front.log()[-3000:]}")
    wait_for(chain.gateway.settled)
    assert chain.front.log().count("status=sent") == before + 3
    assert chain.gateway.count("SELECT count(*) FROM incoming") == stored + 1
    found = chain.newest()
    assert found["protocol"] == ("ESMTP" if how == "smtp" else "LMTP")
    assert found["rcpts"].count("@") == 3


@pytest.mark.parametrize("how", DOMAINS)
@pytest.mark.parametrize(("client", "evidence"), [(GOOD, "dmarc-spf"), (EVIL, "fail")])
def test_spf_sees_the_client_that_postfix_saw(chain: Chain, how: str, client: str, evidence: str) -> None:
    stored = chain.gateway.count("SELECT count(*) FROM incoming")
    chain.send(f"support@{DOMAINS[how]}", client=client, subject=f"From {client} by {how}")
    wait_for(lambda: chain.gateway.count("SELECT count(*) FROM incoming") > stored, why=chain.front.log()[-3000:])
    found = chain.newest()
    assert (found["peer"], found["helo"]) == (client, "out.customer.example")
    assert json.loads(found["verdict"])["evidence"] == evidence


def test_unknown_recipient_among_them_is_refused_alone(chain: Chain) -> None:
    before = chain.front.log()
    chain.send(DESK, "nobody@desk.example", "sales@desk.example", subject="Two of three")
    wait_for(lambda: "550 5.1.1 No such user here" in chain.front.log()[len(before) :], why="the refusal")
    wait_for(lambda: chain.front.log()[len(before) :].count("status=sent") >= 2, why="the other two")
    assert chain.newest()["rcpts"].count("@") == 2


def test_nobody_outside_the_group_may_use_the_socket(chain: Chain) -> None:
    found = (chain.front.directory / "queue/smtpgate/lmtp.sock").stat()
    assert oct(found.st_mode & 0o777) == "0o660"
