"""Direct delivery: which hosts are tried, in which order, and what DNS means for a mail."""

from __future__ import annotations

import random
import ssl

import pytest

from smtpgate.auth.dns import ZoneResolver
from smtpgate.delivery.pool import DEAD_FOR
from smtpgate.delivery.route import NoRoute, Route, find_route, mx_order, usable
from smtpgate.model import DeliveryState
from tests.support.sink import DROP, Sink
from tests.unit.delivery.office import Office, settings, to_mx

DELIVERED, QUEUED, FAILED = DeliveryState.DELIVERED, DeliveryState.QUEUED, DeliveryState.FAILED


async def route(domain: str, zone: dict[str, object], seed: int = 1) -> Route | NoRoute:
    return await find_route(domain, settings("mx"), own_name="gate.example", resolver=ZoneResolver(zone), rng=random.Random(seed))


async def test_hosts_come_by_preference_and_at_random_within_one() -> None:
    zone = {"b.example": {"MX": ["20 backup.b.example", "10 one.b.example", "10 two.b.example", "10 three.b.example"]}}
    seen = set()
    for seed in range(50):
        found = await route("b.example", zone, seed)
        assert isinstance(found, Route)
        assert found.hosts[-1] == "backup.b.example"
        assert found.tls == "opportunistic"
        seen.add(found.hosts)
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("zone", "state", "code", "enhanced"),
    [
        ({"b.example": {"MX": ["0 ."]}}, FAILED, 556, "5.1.10"),  # RFC 7505
        ({}, FAILED, 550, "5.1.2"),
        ({"b.example": "TIMEOUT"}, QUEUED, 0, "4.4.3"),
        ({"b.example": {"MX": ["10 gate.example"]}}, FAILED, 554, "5.4.6"),
        ({"b.example": {"MX": ["10 GATE.example.", "20 other.example"]}}, FAILED, 554, "5.4.6"),
    ],
)
async def test_domains_that_take_no_mail(zone: dict[str, object], state: DeliveryState, code: int, enhanced: str) -> None:
    found = await route("b.example", zone)
    assert isinstance(found, NoRoute)
    assert (found.state, found.code) == (state, code)
    assert found.reply.startswith(enhanced)


async def test_our_own_domain_without_mx_is_a_loop() -> None:
    found = await route("gate.example", {"gate.example": {"A": ["192.0.2.1"]}})
    assert isinstance(found, NoRoute)
    assert "loops back to myself" in found.reply


def test_as_a_backup_mx_we_use_only_better_hosts() -> None:
    records = [(10, "best.b.example"), (20, "gate.example"), (20, "same.b.example"), (30, "worse.b.example")]
    assert mx_order(records, "gate.example", random.Random(1)) == (("best.b.example",), True)


def test_a_thousand_mx_hosts_are_cut() -> None:
    hosts, _ = mx_order([(i, f"mx{i}.example") for i in range(1000)], "gate.example", random.Random(1))
    assert hosts == tuple(f"mx{i}.example" for i in range(10))


async def test_no_mx_means_the_domains_own_address() -> None:
    found = await route("b.example", {"b.example": {"A": ["192.0.2.1"]}})
    assert isinstance(found, Route)
    assert found.hosts == ("b.example",)


@pytest.mark.parametrize(
    ("literal", "hosts"),
    [("[192.0.2.7]", ("192.0.2.7",)), ("[IPv6:2001:db8::7]", ("2001:db8::7",)), ("[127.0.0.1]", None), ("[nonsense]", None)],
)
async def test_address_literals(literal: str, hosts: tuple[str, ...] | None) -> None:
    found = await route(literal, {})
    assert (found.hosts if isinstance(found, Route) else None) == hosts


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "224.0.0.1", "::ffff:127.0.0.1"])
def test_addresses_that_lead_to_ourselves_or_nobody_are_never_used(ip: str) -> None:
    assert not usable(ip, 25)


async def test_a_domain_pointing_at_our_loopback_does_not_reach_it(office: Office) -> None:
    office.zone = {"b.example": {"MX": ["10 evil.example"]}, "evil.example": {"A": ["127.0.0.1"]}}
    mail = await office.queue("wang@b.example")
    office.start(settings("mx"))
    await office.deliver()
    row = await office.row(mail)
    assert row.state is FAILED
    assert "5.4.6" in row.last_reply


@pytest.mark.parametrize(
    ("zone", "state"),
    [
        ({"b.example": {"MX": ["10 mx.b.example"]}}, FAILED),
        ({"b.example": {"MX": ["10 mx.b.example"]}, "mx.b.example": "TIMEOUT"}, QUEUED),
        ({"b.example": {"MX": ["10 x.example", "20 mx.b.example"]}, "mx.b.example": "TIMEOUT"}, QUEUED),
    ],
)
async def test_mx_hosts_without_an_address(office: Office, zone: dict[str, object], state: DeliveryState) -> None:
    office.zone = zone
    mail = await office.queue("wang@b.example")
    office.start(settings("mx"))
    await office.deliver()
    assert (await office.row(mail)).state is state


async def test_each_domain_gets_its_mail_at_its_own_host(office: Office, sink: Sink) -> None:
    async with Sink(host="127.0.0.2", port=sink.port) as other:
        office.zone = {
            "b.example": {"MX": ["10 mx.b.example"]},
            "mx.b.example": {"A": ["127.0.0.1"]},
            "c.example": {"A": ["127.0.0.2"]},
        }
        await office.queue("wang@b.example", "li@C.EXAMPLE", "zhao@b.example")
        office.start(to_mx(sink))
        await office.deliver()
        assert [m.rcpts for m in sink.mails] == [("wang@b.example", "zhao@b.example")]
        assert [m.rcpts for m in other.mails] == [("li@C.EXAMPLE",)]
        await office.stop()


@pytest.mark.parametrize("trouble", ["421 4.3.2 full", "554 5.3.2 no", DROP])
async def test_the_next_host_is_tried_within_one_attempt(office: Office, sink: Sink, trouble: object) -> None:
    async with Sink(host="127.0.0.2", port=sink.port) as backup:
        sink.always("CONNECT", trouble)  # type: ignore[arg-type]
        office.zone = {
            "b.example": {"MX": ["10 one.b.example", "20 two.b.example"]},
            "one.b.example": {"A": ["127.0.0.1"]},
            "two.b.example": {"A": ["127.0.0.2"]},
        }
        mail = await office.queue("wang@b.example")
        office.start(to_mx(sink))
        await office.deliver()
        row = await office.row(mail)
        assert (row.state, row.attempts) == (DELIVERED, 1)
        assert len(backup.mails) == 1
        assert (await office.attempts(mail))[0].remote == f"two.b.example[127.0.0.2]:{sink.port}"
        await office.stop()


async def test_the_number_of_addresses_tried_is_bounded(office: Office, sink: Sink) -> None:
    sink.always("CONNECT", "421 4.3.2 full")
    hosts = {f"mx{i}.b.example": {"A": ["127.0.0.1"]} for i in range(9)}
    office.zone = {"b.example": {"A": [f"127.0.1.{i}" for i in range(1, 200)]}} | hosts
    mail = await office.queue("wang@b.example")
    runner = office.start(to_mx(sink))
    await office.deliver()
    assert (await office.row(mail)).state is QUEUED
    assert len(runner._pool._dead) == 5


async def test_a_host_that_takes_no_mail_at_all_is_permanent(office: Office, sink: Sink) -> None:
    sink.always("CONNECT", "521 5.3.2 this host takes no mail")  # RFC 7504
    office.zone = {"b.example": {"A": ["127.0.0.1"]}}
    mail = await office.queue("wang@b.example")
    office.start(to_mx(sink))
    await office.deliver()
    assert ((await office.row(mail)).state, (await office.row(mail)).last_code) == (FAILED, 521)


async def test_a_dead_host_is_left_alone_for_a_while(office: Office, sink: Sink) -> None:
    sink.always("CONNECT", "421 4.3.2 full")
    office.zone = {"b.example": {"A": ["127.0.0.1"]}}
    mails = [await office.queue(f"u{i}@b.example") for i in range(20)]
    office.start(to_mx(sink, connections_per_destination=1))
    await office.deliver()
    assert sink.connections == 1
    assert {(await office.row(mail)).last_code for mail in mails} == {421}
    assert DEAD_FOR < 54  # the first retry must not meet it
    sink.always("CONNECT", None)
    await office.pass_time(67)
    assert sink.count == 20


async def test_opportunistic_tls_needs_no_trust(office: Office, server_tls: ssl.SSLContext) -> None:
    async with Sink(tls=server_tls) as sink:
        office.zone = {"b.example": {"A": ["127.0.0.1"]}}
        mail = await office.queue("wang@b.example")
        office.start(to_mx(sink))
        await office.deliver()
        assert sink.mails[0].tls
        assert (await office.attempts(mail))[0].tls.startswith("TLSv1.")
        await office.stop()


async def test_a_failed_handshake_is_followed_by_clear_text_once(office: Office) -> None:
    async with Sink(extensions=("SIZE 1000000", "STARTTLS")) as sink:  # says 220 and hangs up
        office.zone = {"b.example": {"A": ["127.0.0.1"]}}
        for i in range(3):
            await office.queue(f"u{i}@b.example")
        office.start(to_mx(sink, mails_per_connection=1, connections_per_destination=1))
        await office.deliver()
        assert [m.tls for m in sink.mails] == [False] * 3
        assert len(sink.said("STARTTLS")) == 1
        await office.stop()


async def test_an_older_server_without_ehlo(office: Office, sink: Sink) -> None:
    sink.always("EHLO", "502 5.5.1 what")
    office.zone = {"b.example": {"A": ["127.0.0.1"]}}
    await office.queue("wang@b.example")
    office.start(to_mx(sink))
    await office.deliver()
    assert sink.mails[0].mail_params == ()


# --- what EHLO does not offer -----------------------------------------------------------------------------------------


async def test_smtputf8_is_sent_where_needed(office: Office, sink: Sink) -> None:
    office.zone = {"b.example": {"A": ["127.0.0.1"]}}
    await office.queue("王@b.example", smtputf8=True, eightbit=True, data="Subject: 你好\r\n\r\n好\r\n".encode())
    await office.queue("wang@b.example")
    office.start(to_mx(sink, connections_per_destination=1))
    await office.deliver()
    assert sink.mails[0].rcpts == ("王@b.example",)
    assert {"SMTPUTF8", "BODY=8BITMIME"} <= set(sink.mails[0].mail_params)
    assert not {"SMTPUTF8", "BODY=8BITMIME"} & set(sink.mails[1].mail_params)


@pytest.mark.parametrize(
    ("extensions", "mail", "code", "reply"),
    [
        (("8BITMIME",), {"smtputf8": True}, 550, "5.6.7"),
        (("SMTPUTF8",), {"eightbit": True}, 554, "5.6.3"),
        (("SMTPUTF8",), {"data": "Subject: x\r\n\r\n好\r\n".encode()}, 554, "5.6.3"),
        (("SIZE 500", "8BITMIME"), {}, 552, "5.3.4"),
    ],
)
async def test_what_the_server_cannot_take_fails_without_being_sent(
    office: Office, extensions: tuple[str, ...], mail: dict[str, object], code: int, reply: str
) -> None:
    async with Sink(extensions=extensions) as sink:
        office.zone = {"b.example": {"A": ["127.0.0.1"]}}
        queued = await office.queue("wang@b.example", ticket=True, **mail)
        office.start(to_mx(sink))
        await office.deliver()
        row = await office.row(queued)
        assert (row.state, row.last_code) == (FAILED, code)
        assert row.last_reply.startswith(reply)
        assert reply in (await office.events())[0]
        assert sink.said("MAIL") == []
        await office.stop()


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE x", "SIZE ²", "SIZE 99999999999999999999999999"])
async def test_a_strange_size_is_no_limit(office: Office, size: str) -> None:
    async with Sink(extensions=(size,)) as sink:
        office.zone = {"b.example": {"A": ["127.0.0.1"]}}
        await office.queue("wang@b.example")
        office.start(to_mx(sink))
        await office.deliver()
        assert len(sink.mails) == 1
        await office.stop()


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "a\r\nRCPT TO:<evil@x.example>@b.example",
        '"c\r\nRCPT TO:<evil@x.example>"@b.example',
        "a@b.example> SIZE=1\r\nDATA",
        "a@b.example>\r\n",
        "a b@b.example",
        "a@b.example\x00",
        "a\n@b.example",
        "<a@b.example>",
        "a@b.example>",
        "",
        "王@b.example",
    ],
)
@pytest.mark.parametrize("where", ["recipient", "return path"])
async def test_an_address_cannot_inject_a_command(office: Office, sink: Sink, address: str, where: str) -> None:
    office.zone = {"b.example": {"A": ["127.0.0.1"]}}
    if where == "recipient":
        mail = await office.queue(address)
    else:
        mail = await office.queue("wang@b.example", return_path=address)
    office.start(to_mx(sink))
    await office.deliver()
    row = await office.row(mail)
    if where == "return path" and address == "":
        return
    assert (row.state, row.last_code) == (FAILED, 553)
    assert sink.connections == 0


@pytest.mark.parametrize("address", ["a.b+c=d@b.example", "o'neil@b.example", "a/b{c}|~!#$%&*?^_`@b.example", "A@b.example"])
async def test_the_command_holds_the_address_octet_for_octet(office: Office, sink: Sink, address: str) -> None:
    office.zone = {"b.example": {"A": ["127.0.0.1"]}}
    await office.queue(address, return_path=address)
    office.start(to_mx(sink))
    await office.deliver()
    assert sink.said("RCPT") == [b"RCPT TO:<%s>" % address.encode()]
    assert sink.said("MAIL")[0].startswith(b"MAIL FROM:<%s> SIZE=" % address.encode())
