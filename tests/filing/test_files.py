"""What a ticket shows of invitations, of pictures that come again, and of files that agents must not open unwarned."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.support.helpdesk import DESK, helpdesk, mail

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 40


def with_parts(subject: str, text: str, *parts: bytes) -> bytes:
    head, _, body = mail(subject, text).partition(b"Content-Type: text/plain")
    all_parts = (b"Content-Type: text/plain" + body, *parts)
    joined = b"".join(b"--B\r\n" + p + b"\r\n" for p in all_parts)
    return head + b"Content-Type: multipart/mixed; boundary=B\r\n\r\n" + joined + b"--B--"


def picture(data: bytes = PNG, kind: str = "image/png") -> bytes:
    head = f"Content-Type: {kind}; name=logo.png\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64.encodebytes(data)


async def test_an_invitation_is_shown_in_the_zone_and_language_of_the_desk(tmp_path: Path) -> None:
    event = b"BEGIN:VEVENT\r\nSUMMARY:Sync\r\nDTSTART:20260302T010000Z\r\nEND:VEVENT\r\n"
    invite = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n" + event + b"END:VCALENDAR"
    part = b"Content-Type: text/calendar; method=REQUEST\r\n\r\n" + invite
    desks = [{"name": "support", "address": DESK, "timezone": "Asia/Shanghai"}]
    async with helpdesk(tmp_path, desk=desks) as desk:
        found = await desk.ticket((await desk.post(with_parts("邀请：项目会议", "请参加项目会议，谢谢。", part))).number)
        (entry,) = found.entries
        assert entry.text == "会议邀请：Sync\n时间：2026-03-02 周一 09:00 (Asia/Shanghai)\n\n请参加项目会议，谢谢。"
        assert [a.filename for a in entry.attachments] == ["invite.ics"]


async def test_a_picture_that_came_before_is_marked_and_stays(tmp_path: Path) -> None:
    async with helpdesk(tmp_path) as desk:
        first = await desk.ticket((await desk.post(with_parts("one", "first", picture()))).number)
        second = await desk.ticket((await desk.post(with_parts("two", "second", picture(), picture(PNG + b"new")))).number)
        assert [a.seen for a in first.entries[0].attachments] == [False]
        assert [a.seen for a in second.entries[0].attachments] == [True, False]


async def test_agents_are_told_of_programs(tmp_path: Path) -> None:
    program = b"MZ" + b"\0" * 58 + (64).to_bytes(4, "little") + b"PE\0\0" + b"\0" * 50
    async with helpdesk(tmp_path) as desk:
        found = await desk.ticket((await desk.post(with_parts("one", "look", picture(program)))).number)
        assert "program: logo.png" in found.entries[0].marks
        assert found.entries[0].attachments[0].label == "image/png"
