"""The SMTP and LMTP dialogue as a state machine (RFC 5321 §4.1.4): any commands in any order, in groups, cut anywhere.

The model knows a greeting, a sender and recipients, and says what each command is answered. Every command has its reply, in
order; a mail is stored if and only if its data were answered 250.
"""

from __future__ import annotations

import asyncio
import re

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from smtpgate.intake.lmtp import LmtpSession
from smtpgate.intake.session import Session
from tests.unit.intake.door import running
from tests.unit.intake.wire import connect, settle

_REPLY = re.compile(rb"(?:\d\d\d-[^\r\n]*\r\n)*(\d\d\d) [^\r\n]*\r\n")
_LIMITS = {"limits": {"errors": 10_000, "errors_slow": 9_999, "junk_commands": 10_000}}
_CONTENT = st.sampled_from(
    [b"", b"Subject: x\r\n\r\nhello\r\n", b"..\r\n", b"\n.\nx\r\n", b"\r\n..\r\nNOOP\r\n", b"MAIL FROM:<x@y.example>\r\n"]
)
_RCPT = st.sampled_from(
    [
        ("help@support.example", "250"),
        ("postmaster", "250"),
        ("nobody@support.example", "550"),
        ("x@else.example", "550"),
        ("bad", "501"),
    ]
)
_CUT = st.lists(st.integers(1, 40), max_size=3)


class Dialogue(RuleBasedStateMachine):
    kind: type[Session] = Session

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.manager = running(_LIMITS)
        self.up = self.loop.run_until_complete(self.manager.__aenter__())
        self.wire = self.loop.run_until_complete(connect(self.up, self.kind))
        self.waiting: list[tuple[bytes, str]] = [(b"", "220")]  # what will be sent as one group, and the replies that are due
        self.heard = 0  # octets
        self.greeted = self.mail = False
        self.refused = False  # DATA was: what is no command then is taken for content, and ends the connection
        self.rcpts = 0
        self.stored = 0

    # --- commands: (what, the reply that RFC 5321 gives it here) ------------------------------------------------------

    @rule(verb=st.sampled_from(["EHLO", "HELO", "LHLO"]), name=st.sampled_from(["c.example", "[192.0.2.9]", ""]))
    def greet(self, verb: str, name: str) -> None:
        known = verb == "LHLO" if self.kind is LmtpSession else verb != "LHLO"
        if not known and self.refused:
            return
        self.put(f"{verb} {name}", "500" if not known else "250" if name else "501")
        if known and name:
            self.greeted, self.mail, self.rcpts = True, False, 0

    @rule(path=st.sampled_from(["<>", "<a@client.example>", "a@client.example", "<a b@c>", "<é@c.example>", ""]))
    def sender(self, path: str) -> None:
        good = path in ("<>", "<a@client.example>", "a@client.example")
        wrong = "553" if "é" in path else "501"
        self.put(f"MAIL FROM:{path}", "503" if not self.greeted or self.mail else "250" if good else wrong)
        if self.greeted and not self.mail and good:
            self.mail, self.rcpts = True, 0

    @rule(to=_RCPT)
    def recipient(self, to: tuple[str, str]) -> None:
        self.put(f"RCPT TO:<{to[0]}>", to[1] if self.mail else "503")
        self.rcpts += self.mail and to[1] == "250"

    @rule()
    def reset(self) -> None:
        self.put("RSET", "250")
        self.mail, self.rcpts = False, 0

    @rule(
        line=st.sampled_from(
            [("NOOP", "250"), ("NOOP x", "250"), ("VRFY x", "252"), ("VRFY", "501"), ("HELP", "214"), ("RSET x", "501")]
        )
    )
    def idle(self, line: tuple[str, str]) -> None:
        self.put(*line)

    @precondition(lambda self: not self.refused)
    @rule(
        line=st.sampled_from(
            [
                ("BDAT 3 LAST", "502"),
                ("AUTH PLAIN", "502"),
                ("STARTTLS", "502"),
                ("EXPN x", "502"),
                ("QQQ", "500"),
                ("MAIL", "501"),
                ("RCPT", "501"),
                ("", "500"),
            ]
        )
    )
    def unknown(self, line: tuple[str, str]) -> None:
        text, reply = line
        if text == "MAIL" and (not self.greeted or self.mail):
            reply = "503"
        if text == "RCPT" and not self.mail:
            reply = "503"
        self.put(text, reply)

    @rule(cut=_CUT)
    def send(self, cut: list[int]) -> None:
        """The group that waits, in pieces."""
        data = b"".join(line for line, _ in self.waiting)
        self.feed(data, cut)
        self.hear([reply for _, reply in self.waiting])
        self.waiting.clear()

    @precondition(lambda self: self.greeted)
    @rule(content=_CONTENT, cut=_CUT)
    def data(self, content: bytes, cut: list[int]) -> None:
        """DATA ends a group; the content follows its reply. Refused, it is followed by nothing."""
        good = self.mail and self.rcpts > 0
        refusal = "503" if not self.mail or self.kind is LmtpSession else "554"
        self.put("DATA", "354" if good else refusal)
        self.send(cut)
        self.refused = not good
        if good:
            self.feed(content + b".\r\n", cut)
            self.hear(["250"] * (self.rcpts if self.kind is LmtpSession else 1))
            self.stored += 1
            self.mail, self.rcpts = False, 0

    # --- octets -------------------------------------------------------------------------------------------------------

    def put(self, line: str, reply: str) -> None:
        self.refused = False
        self.waiting.append((line.encode() + b"\r\n", reply))

    def feed(self, data: bytes, cut: list[int]) -> None:
        async def pieces() -> None:
            rest = data
            for size in (*cut, len(data)):
                if rest[:size]:
                    self.wire.feed(rest[:size])
                    await settle()
                rest = rest[size:]
            for _ in range(20 + len(self.waiting)):
                await settle()

        self.loop.run_until_complete(pieces())

    def hear(self, due: list[str]) -> None:
        new = self.wire.said[self.heard :]
        replies = [found[1].decode() for found in _REPLY.finditer(new)]
        assert b"".join(found[0] for found in _REPLY.finditer(new)) == new
        assert replies == due
        self.heard = len(self.wire.said)

    @invariant()
    def nothing_but_what_was_promised(self) -> None:
        assert len(self.up.store.accepted) == self.stored
        assert not self.wire.closing

    def teardown(self) -> None:
        try:
            self.loop.run_until_complete(self._end())
            self.loop.run_until_complete(self.manager.__aexit__(None, None, None))
        finally:
            self.loop.close()

    async def _end(self) -> None:
        self.wire.lost()
        await self.up.idle()


class LmtpDialogue(Dialogue):
    kind = LmtpSession


_SHORT = settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
TestSmtp = Dialogue.TestCase
TestSmtp.settings = _SHORT
TestLmtp = LmtpDialogue.TestCase
TestLmtp.settings = _SHORT
