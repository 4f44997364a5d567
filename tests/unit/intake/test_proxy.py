"""PROXY headers, whole, in pieces and wrong."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.intake.proxy import BadHeader, Proxied, header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version_2(client: str, server: str, *, command: int = 0x21, family: int | None = None, tail: bytes = b"") -> bytes:
    source, target = ipaddress.ip_address(client), ipaddress.ip_address(server)
    body = source.packed + target.packed + struct.pack("!HH", 51000, 25) + tail
    kind = family if family is not None else 0x11 if source.version == 4 else 0x21
    return SIGNATURE + bytes((command, kind)) + struct.pack("!H", len(body)) + body


GOOD = [
    (b"PROXY TCP4 192.0.2.7 192.0.2.25 51000 25\r\n", "192.0.2.7"),
    (b"PROXY TCP6 2001:db8::9 2001:db8::25 51000 25\r\n", "2001:db8::9"),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 51000 25\r\n", "192.0.2.7"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
    (version_2("192.0.2.7", "192.0.2.25"), "192.0.2.7"),
    (version_2("2001:db8::9", "::1", tail=b"\x04\0\x02xx"), "2001:db8::9"),
    (version_2("192.0.2.7", "192.0.2.25", command=0x20), None),
    (SIGNATURE + b"\x20\0\0\0", None),
    (SIGNATURE + b"\x21\0\0\x05abcde", None),
]


@pytest.mark.parametrize(("data", "client"), GOOD)
def test_header_at_every_cut(data: bytes, client: str | None) -> None:
    for cut in range(len(data)):
        assert header(data[:cut]) is None, cut
    assert header(data) == Proxied(client, b"")
    assert header(data + b"EHLO x\r\n") == Proxied(client, b"EHLO x\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"EHLO client.example\r\n",
        b"PROXY",
        b"PROXY TCP4 192.0.2.7 192.0.2.25 51000\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.25 51000 25 1\r\n",
        b"PROXY TCP4 192.0.2.256 192.0.2.25 51000 25\r\n",
        b"PROXY TCP4 2001:db8::9 2001:db8::25 51000 25\r\n",
        b"PROXY TCP6 192.0.2.7 2001:db8::25 51000 25\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.25 51000 65536\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.25 -1 25\r\n",
        b"PROXY UDP4 192.0.2.7 192.0.2.25 51000 25\r\n",
        b"PROXY TCP4 192.0.2.\xff 192.0.2.25 51000 25\r\n",
        b"PROXY " + b"x" * 101,
        version_2("192.0.2.7", "192.0.2.25", command=0x11),
        version_2("192.0.2.7", "192.0.2.25", command=0x22),
        version_2("192.0.2.7", "192.0.2.25", family=0x12),
        version_2("192.0.2.7", "192.0.2.25", family=0x21),
        SIGNATURE + b"\x21\x11\0\x04\xc0\0\x02\x07",
        SIGNATURE + b"\x21\x11\x10\x01",
    ],
)
def test_what_is_no_header(data: bytes) -> None:
    if data == b"PROXY":
        assert header(data) is None
        return
    with pytest.raises(BadHeader):
        header(data)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=80).map(lambda b: b"PROXY TCP4 " + b),
        st.binary(max_size=80).map(SIGNATURE.__add__),
    )
)
def test_nothing_else_ever_comes_of_it(data: bytes) -> None:
    try:
        found = header(data)
    except BadHeader:
        return
    assert found is None or found.client is None or ipaddress.ip_address(found.client)
