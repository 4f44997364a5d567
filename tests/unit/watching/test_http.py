"""The small HTTP server against clients that ask, that do not, and that will not stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from smtpgate.watching import http
from smtpgate.watching.http import Answer, HttpServer


async def ask(path: str, accept: str) -> Answer:
    if path == "/bug":
        raise ValueError("secret")
    return Answer(200, f"{path} {accept}".encode())


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    made = HttpServer(["127.0.0.1:0"], ask)
    await made.start()
    yield made
    await made.stop()
    assert not made._serving


async def said(server: HttpServer, request: bytes) -> bytes:
    source, sink = await asyncio.open_connection(*server.addresses[0])
    sink.write(request)
    try:
        found = await asyncio.wait_for(source.read(), 10)
    except ConnectionResetError:  # closed without having read what we asked
        found = b""
    sink.close()
    return found


@pytest.mark.parametrize(
    ("request_", "status", "end"),
    [
        (b"GET /x?y=1 HTTP/1.1\r\nHost: a\r\nACCEPT: text/x\r\n\r\n", b"200 OK", b"\r\n\r\n/x text/x"),
        (b"HEAD /x HTTP/1.0\r\n\r\n", b"200 OK", b"Connection: close\r\n\r\n"),
        (b"POST /x HTTP/1.1\r\nContent-Length: 9\r\n\r\n", b"405 Method Not Allowed", b"only GET\n"),
        (b"GET /bug HTTP/1.1\r\n\r\n", b"500 Internal Server Error", b"see the gateway's log\n"),
        (b"GET http://a/x HTTP/1.1\r\n\r\n", b"400 Bad Request", b"not HTTP/1.1\n"),
        (b"\x16\x03\x01\x00\xff\r\n\r\n", b"400 Bad Request", b"not HTTP/1.1\n"),
        (b"GET /" + b"x" * 70_000, b"431 Request Header Fields Too Large", b"too long\n"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000 + b"\r\n", b"431 Request Header Fields Too Large", b"too long\n"),
    ],
)
async def test_an_answer(server: HttpServer, request_: bytes, status: bytes, end: bytes) -> None:
    found = await said(server, request_)
    assert found.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert found.endswith(end)
    assert b"secret" not in found


async def test_who_says_nothing_or_goes_is_forgotten(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_ASK", 0.1)
    assert await said(server, b"GET / HTTP/1.1\r\n") == b""
    monkeypatch.setattr(http, "_ASK", 10.0)
    _, sink = await asyncio.open_connection(*server.addresses[0])
    sink.transport.abort()
    assert (await said(server, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_no_more_than_sixteen_at_once(server: HttpServer) -> None:
    idle = [await asyncio.open_connection(*server.addresses[0]) for _ in range(http._CONNECTIONS)]
    async with asyncio.timeout(10):
        while len(server._serving) < http._CONNECTIONS:
            await asyncio.sleep(0.01)
    assert await said(server, b"GET / HTTP/1.1\r\n\r\n") == b""
    idle[0][1].close()
    async with asyncio.timeout(10):
        while not (await said(server, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200"):
            await asyncio.sleep(0.01)
    for _, sink in idle:
        sink.close()


async def test_a_port_that_is_taken(server: HttpServer) -> None:
    host, port = server.addresses[0]
    second = HttpServer(["127.0.0.1:0", f"{host}:{port}"], ask)
    with pytest.raises(OSError, match="in use"):
        await second.start()
    assert second.addresses == ()
