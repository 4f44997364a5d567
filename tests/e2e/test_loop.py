"""Two gateways that write to each other must fall silent."""

from __future__ import annotations

from pathlib import Path

from tests.support.gateway import Gateway, free_port, letter, wait_for


def _pair(tmp_path: Path) -> tuple[Gateway, Gateway]:
    """Each one's smarthost is the other one; each one trusts the other's network, so that only the rules are in the way."""
    ports = {"a": free_port(), "b": free_port()}
    made = []
    for name, other in (("a", "b"), ("b", "a")):
        made.append(
            Gateway.make(
                tmp_path / name,
                port=ports[name],
                server={"name": f"mx.{name}.example"},
                desk=[{"name": "support", "address": f"support@{name}.example"}],
                delivery={"mode": "smarthost", "smarthost": {"host": "127.0.0.1", "port": ports[other], "tls": "none"}},
            )
        )
    return made[0], made[1]


def test_two_gateways_facing_each_other_fall_silent(tmp_path: Path) -> None:
    """Somebody forges a mail from one desk to the other. Each mail between them is counted."""
    a, b = _pair(tmp_path)
    with a.running(), b.running():
        forged = letter("Help me", "I am a desk and I need help.", sender="support@b.example", to="support@a.example")
        a.send(forged, sender="support@b.example", to="support@a.example")
        wait_for(lambda: a.count("SELECT count(*) FROM incoming WHERE state <> 'accepted'") == 1)
        for _ in range(3):  # whatever one side still sends has to be taken by the other
            a.settle()
            b.settle()
        sent = [g.count("SELECT count(*) FROM incoming") for g in (a, b)]
        assert sum(sent) <= 3, sent
        assert a.count("SELECT count(*) FROM incoming WHERE state = 'filed'") >= 1
        assert sum(g.count("SELECT count(*) FROM outgoing") for g in (a, b)) <= 2


def test_two_gateways_fall_silent_even_when_a_relay_strips_the_marks_of_automatic_mail(tmp_path: Path) -> None:
    """The acknowledgement comes back word for word as a human's mail, again and again: the caps of the way back end it."""
    gateway = Gateway.make(
        tmp_path,
        limits={"acknowledgement_interval": "30m", "acknowledgements_per_day": 5},
    )
    other = "support@b.example"
    with gateway.running():
        for i in range(12):
            mail = letter(f"Ticket {i} has been received", f"Your number is {i}.", sender=other)
            gateway.send(mail, sender=other)
        wait_for(lambda: gateway.count("SELECT count(*) FROM incoming WHERE state = 'filed'") == 12)
        assert gateway.count("SELECT count(*) FROM outgoing") <= 5
        assert gateway.count("SELECT count(*) FROM recipient WHERE state = 'delivered' OR next_at < unixepoch() + 60") <= 1
