"""Who may come in, how often, and who is shed first: every limit from both sides, with a clock that stands still."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.intake.budget import Budget
from smtpgate.intake.crowd import Crowd, Rates
from smtpgate.intake.standing import Acquaintances, Standing, prefix, site
from smtpgate.model import Evidence
from tests.support.clock import ManualClock
from tests.support.server import make_config, verdict

LOOSE = {"connections_per_address": 1000, "connections_per_prefix": 1000, "connection_rate": 1000}


def crowd(clock: ManualClock | None = None, stress: dict[str, Any] | None = None, **limits: Any) -> Crowd:
    config = make_config({"limits": LOOSE | limits}, {"stress": stress or {}})
    return Crowd(config, (clock or ManualClock()).monotonic)


def comes(counted: Crowd, *peers: str, standing: Standing = Standing.UNKNOWN) -> list[str]:
    return [counted.enter(peer, standing) for peer in peers]


def test_one_ipv4_address_or_ipv6_64_has_so_many() -> None:
    counted = crowd(connections_per_address=2)
    assert comes(counted, "2001:db8::1", "2001:db8::2:1", "2001:db8:0:0:ffff::1") == ["", "", "too many connections"]
    assert comes(counted, "2001:db8:0:1::1", "192.0.2.1", "192.0.2.1", "192.0.2.1") == ["", "", "", "too many connections"]
    counted.leave("2001:db8::2:1")
    assert comes(counted, "2001:db8::9") == [""]
    assert counted.open == 5


def test_one_48_has_so_many() -> None:
    counted = crowd(connections_per_prefix=3)
    assert comes(counted, *(f"2001:db8:7:{i}::1" for i in range(4))) == ["", "", "", "too many connections"]
    assert comes(counted, "2001:db8:8::1", "192.0.2.1") == ["", ""]
    counted.leave("2001:db8:7:1::1")
    assert comes(counted, "2001:db8:7:9::1") == [""]


def test_new_connections_in_a_minute_refused_ones_too() -> None:
    clock = ManualClock()
    counted = crowd(clock, connection_rate=3, connections_per_address=1)
    assert comes(counted, *["192.0.2.1"] * 4) == ["", *["too many connections"] * 2, "too many connections in a minute"]
    assert comes(counted, "192.0.2.2") == [""]
    clock.advance(60)
    counted.leave("192.0.2.1")
    assert comes(counted, "192.0.2.1") == [""]


def test_a_48_may_do_what_five_addresses_may() -> None:
    counted = crowd(connection_rate=2)
    assert comes(counted, *(f"2001:db8:7:{i}::1" for i in range(11))) == [*[""] * 10, "too many connections in a minute"]


def test_mails_in_a_minute() -> None:
    clock = ManualClock()
    counted = crowd(clock, mail_rate=2, mail_rate_domain=3)
    assert [counted.may_mail("192.0.2.1", Standing.KNOWN) for _ in range(3)] == [True, True, False]
    assert counted.may_mail("192.0.2.2", Standing.UNKNOWN)
    assert all(counted.may_mail("192.0.2.1", Standing.OWN) for _ in range(9))
    assert [counted.may_mail_domain("example.org") for _ in range(4)] == [True, True, True, False]
    assert counted.may_mail_domain("example.net")
    clock.advance(60)
    assert counted.may_mail("192.0.2.1", Standing.KNOWN)
    assert counted.may_mail_domain("example.org")


def test_connections_and_mails_of_one_place_are_counted_apart() -> None:
    counted = crowd(connection_rate=1, mail_rate=1)
    assert comes(counted, "192.0.2.1") == [""]
    assert counted.may_mail("192.0.2.1", Standing.UNKNOWN)


def test_the_less_known_are_shed_first() -> None:
    """Ten slots: 7 for unknown, 8 also for unproved, 9 also for known, the last for agents and LMTP."""
    shares = {"unknown": 70, "unproved": 80, "known": 90, "begin": 100}
    counted = crowd(stress=shares, connections=10)
    assert comes(counted, *["192.0.2.1"] * 8) == [*[""] * 7, "too busy"]
    assert comes(counted, *["192.0.2.1"] * 2, standing=Standing.UNPROVED) == ["", "too busy"]
    assert comes(counted, *["192.0.2.1"] * 2, standing=Standing.KNOWN) == ["", "too busy"]
    assert comes(counted, *["192.0.2.1"] * 2, standing=Standing.AGENT) == ["", "too busy"]
    counted.leave("192.0.2.1")
    assert comes(counted, "", "", standing=Standing.OWN) == ["", "too busy"]


def test_stress_begins_and_ends_at_its_marks() -> None:
    told: list[int] = []
    config = make_config({"limits": LOOSE | {"connections": 10}}, {"stress": {"begin": 50, "end": 20}})
    counted = Crowd(config, ManualClock().monotonic, lambda: told.append(counted.open))
    seen = []
    for _ in range(5):
        comes(counted, "192.0.2.1")
        seen.append(counted.stressed)
    assert seen == [False] * 4 + [True]
    assert told == [5]
    for _ in range(3):
        counted.leave("192.0.2.1")
        seen.append(counted.stressed)
    assert seen[5:] == [True, True, False]


def test_memory_alone_is_stress_too() -> None:
    counted = crowd(memory_in_flight="100MiB")
    account = counted.account("", Standing.OWN)
    assert account.take(80 * 1024**2 - 1)
    counted.weigh()
    assert not counted.stressed
    assert account.take(1)
    counted.weigh()
    assert counted.stressed


def test_what_stress_changes_and_for_whom() -> None:
    counted = crowd(connections=10, stress={"begin": 10, "end": 0, "connections_per_address": 2, "connection_rate": 5})
    before = counted.pace(Standing.KNOWN)
    assert (before.greeting_wait, before.command_timeout, before.errors, before.junk_commands) == (0.0, 300.0, 20, 100)
    assert comes(counted, "192.0.2.1") == [""]
    assert counted.stressed
    under = counted.pace(Standing.KNOWN)
    assert (under.greeting_wait, under.command_timeout, under.errors, under.junk_commands) == (3.0, 10.0, 1, 1)
    assert (under.session, under.data_timeout, under.data_rate_after, under.tls_handshake) == (120.0, 10.0, 10.0, 10.0)
    assert counted.pace(Standing.AGENT) == before
    assert (counted.pace(Standing.OWN).errors, counted.pace(Standing.OWN).errors_slow) == (1000, None)
    assert comes(counted, "192.0.2.1", "192.0.2.1") == ["", "too many connections"]
    assert comes(counted, *["192.0.2.2"] * 2, standing=Standing.AGENT) == ["", ""]
    assert comes(counted, *["192.0.2.1"] * 3)[-1] == "too many connections in a minute"


def test_stress_is_never_more_patient() -> None:
    counted = crowd(connections=10, command_timeout="5s", errors=2, greeting_wait="9s", stress={"begin": 1, "end": 0})
    comes(counted, "192.0.2.1")
    under = counted.pace(Standing.UNKNOWN)
    assert (under.command_timeout, under.errors, under.greeting_wait) == (5.0, 1, 9.0)


def test_one_place_has_its_share_of_the_memory_and_gives_it_back() -> None:
    budget = Budget(100)
    one, two = (budget.account("192.0.2.1", share=60, ceiling=80) for _ in range(2))
    other = budget.account("192.0.2.2", share=60, ceiling=80)
    assert [one.take(40), two.take(21), two.take(20), other.take(21), other.take(20)] == [True, False, True, False, True]
    assert budget.account().free == 20
    assert budget.account().take(20)
    one.give()
    one.give()
    assert (budget.used, budget.held("192.0.2.1"), two.free) == (60, 20, 20)


def test_unlimited_places_cost_limited_memory() -> None:
    rates = Rates(ManualClock().monotonic, room=1000)
    assert all(rates.take(f"192.0.2.{i}", 1) for i in range(5000))
    assert len(rates._count) == 1000
    assert not rates.take("192.0.2.1", 1), "those already counted go on being counted"


# --- who is known -----------------------------------------------------------------------------------------------------

AGENTS = {"desk": [{"name": "help", "address": "help@support.example", "agents": ["mei@corp.example"]}]}


def wrote(evidence: Evidence, author: str = "kunde@client.example") -> Any:
    found = verdict(evidence)
    return type(found)(evidence, author, found.spf, found.dkim, found.dmarc, found.arc)


@pytest.mark.parametrize(
    ("evidence", "author", "standing"),
    [
        (Evidence.NONE, "kunde@client.example", Standing.UNPROVED),
        (Evidence.FAIL, "mei@corp.example", Standing.UNPROVED),
        (Evidence.DOMAIN, "kunde@client.example", Standing.KNOWN),
        (Evidence.DMARC_SPF, "mei@corp.example", Standing.KNOWN),
        (Evidence.DMARC_DKIM, "kunde@client.example", Standing.KNOWN),
        (Evidence.DMARC_DKIM, "jin@corp.example", Standing.AGENT),
    ],
)
def test_a_client_is_known_by_what_it_sent(evidence: Evidence, author: str, standing: Standing) -> None:
    known = Acquaintances(make_config(AGENTS))
    assert known.standing("192.0.2.1") is Standing.UNKNOWN
    known.learn("192.0.2.1", evidence, author)
    assert known.standing("192.0.2.1") is standing
    assert known.standing("192.0.2.2") is Standing.UNKNOWN
    known.learn("192.0.2.1", Evidence.NONE, "kunde@client.example")
    assert known.standing("192.0.2.1") is standing, "nobody loses what he had"


def test_servers_of_our_own() -> None:
    server = {"trusted_networks": ["192.0.2.0/25"], "forwarders": ["2001:db8::/32"]}
    auth = {"trusted_relays": ["198.51.100.7"], "trusted_authserv_id": "mx.example"}
    known = Acquaintances(make_config({"server": {"name": "mx.support.example", **server}}, {"auth": auth}))
    assert {known.standing(peer) for peer in ("", "192.0.2.1", "2001:db8:9::1", "198.51.100.7")} == {Standing.OWN}
    assert known.standing("192.0.2.200") is Standing.UNKNOWN


def test_memory_of_clients_is_bounded_and_forgets_the_longest_unseen() -> None:
    known = Acquaintances(make_config(), room=2)
    for peer in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"):
        known.learn(peer, Evidence.DMARC_DKIM, "kunde@client.example")
    assert [known.standing(f"192.0.2.{i}") for i in (1, 2, 3)] == [Standing.KNOWN, Standing.UNKNOWN, Standing.KNOWN]


@given(address=st.ip_addresses())
def test_sites_and_prefixes_never_look_alike(address: Any) -> None:
    peer = str(address)
    assert site(peer)
    assert prefix(peer) != site(peer)
    assert bool(prefix(peer)) == (address.version == 6)
