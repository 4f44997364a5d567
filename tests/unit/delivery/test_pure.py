"""The parts without I/O: waits, words, wire form, lanes; and the Maildir's file names."""

from __future__ import annotations

import os
import random
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.delivery import backoff, maildir
from smtpgate.delivery.connection import wire
from smtpgate.delivery.lanes import Job, Lanes, make_jobs
from smtpgate.delivery.outcome import Outcome, clean, of_reply, settle
from smtpgate.model import Delivery, DeliveryState
from tests.support.sink import _unstuff
from tests.unit.delivery.office import DAY, HOUR, settings

NOW = 1_790_000_000.0
QUEUED, UNCERTAIN, FAILED, EXPIRED, DELIVERED = (
    DeliveryState.QUEUED,
    DeliveryState.UNCERTAIN,
    DeliveryState.FAILED,
    DeliveryState.EXPIRED,
    DeliveryState.DELIVERED,
)


def a_delivery(address: str = "wang@b.example", **change: Any) -> Delivery:
    made = Delivery(
        recipient_id=7,
        outgoing_id=1,
        ticket_id=3,
        address=address,
        return_path="support+b1@desk.example",
        state=QUEUED,
        attempts=1,
        created_at=NOW,
        delay_told=False,
        smtputf8=False,
        eightbit=False,
        message_id="<1@desk.example>",
        data=b"Subject: x\r\n\r\nhi\r\n",
    )
    return replace(made, **change)


# --- backoff ----------------------------------------------------------------------------------------------------------


@given(st.integers(-5, 1000), st.integers())
def test_waits_stay_within_a_tenth_of_their_step(attempts: int, seed: int) -> None:
    steps = (60.0, 300.0, 900.0)
    step = steps[min(max(attempts, 1), 3) - 1]
    assert 0.9 * step <= backoff.wait(attempts, steps, random.Random(seed)) <= 1.1 * step


def test_waits_are_spread() -> None:
    rng = random.Random(1)
    waits = [backoff.wait(1, (100.0,), rng) for _ in range(1000)]
    assert min(waits) < 91
    assert max(waits) > 109


@given(st.floats(0, 10 * DAY), st.floats(0, DAY))
def test_the_last_attempt_is_at_the_end_of_life_and_never_in_the_past(age: float, pause: float) -> None:
    due = backoff.next_try(NOW, NOW + age, pause, 5 * DAY)
    assert NOW + age <= due <= max(NOW + 5 * DAY, NOW + age)


# --- outcomes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "state"),
    [
        *[(250, DELIVERED), (251, DELIVERED), (354, QUEUED), (421, QUEUED), (499, QUEUED), (500, FAILED), (599, FAILED)],
        *[(600, QUEUED), (0, QUEUED), (-1, QUEUED), (150, QUEUED)],
    ],
)
def test_what_a_code_means(code: int, state: DeliveryState) -> None:
    assert of_reply(code, "x").state is state


@given(
    st.text(st.characters(exclude_categories=()), max_size=6000)
    | st.binary(max_size=6000).map(lambda b: b.decode("utf-8", "surrogateescape"))
)
def test_words_are_one_printable_storable_line(text: str) -> None:
    words = clean(text)
    assert len(words) <= 1000
    assert words == "" or words.isprintable()
    words.encode("utf-8")


@pytest.mark.parametrize("state", [QUEUED, UNCERTAIN])
def test_the_end_of_life_ends_every_pending_state(state: DeliveryState) -> None:
    settled = settle(
        a_delivery(attempts=30),
        Outcome(state, 0, "connection lost"),
        now=NOW + 5 * DAY,
        settings=settings("mx"),
        rng=random.Random(1),
    )
    assert settled.attempt.state is EXPIRED
    assert "given up after 5 days and 30 attempts" in settled.event
    assert ("may have arrived" in settled.event) == (state is UNCERTAIN)
    assert not settled.delay_told


def test_a_delivery_on_the_last_day_is_a_delivery() -> None:
    settled = settle(a_delivery(), Outcome(DELIVERED, 250, "ok"), now=NOW + 9 * DAY, settings=settings("mx"), rng=random.Random(1))
    assert (settled.attempt.state, settled.event) == (DELIVERED, "")


def test_a_delay_that_was_told_is_not_told_again() -> None:
    late = Outcome(QUEUED, 451, "4.7.1 greylisted", "mx[192.0.2.1]:25")
    for told in (False, True):
        settled = settle(a_delivery(delay_told=told), late, now=NOW + 5 * HOUR, settings=settings("mx"), rng=random.Random(1))
        assert settled.delay_told is not told
        assert bool(settled.event) is not told


# --- wire form --------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"..", b"\r\n."])).map(b"".join))
def test_no_mail_can_end_itself(data: bytes) -> None:
    stuffed, size = wire(data)
    assert b"\r\n.\r\n" not in b"\r\n" + stuffed
    assert stuffed.endswith(b"\r\n")
    assert not stuffed.replace(b"\r\n", b"").strip(b".a")  # no bare CR or LF is left
    back = _unstuff(stuffed)
    assert len(back) == size
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert back.replace(b"\r\n", b"\n") == (lines if lines.endswith(b"\n") else lines + b"\n")


@given(st.binary(max_size=200))
def test_a_finished_mail_is_not_changed(body: bytes) -> None:
    data = body.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"
    assert _unstuff(wire(data)[0]) == data


# --- lanes ------------------------------------------------------------------------------------------------------------


def a_job(destination: str, *addresses: str) -> Job:
    return Job(destination, tuple(a_delivery(address) for address in addresses), 0.0)


def test_lanes_take_turns() -> None:
    lanes = Lanes(total=4, per_destination=4)
    lanes.add([a_job("a", f"{i}@a") for i in range(10)] + [a_job("b", "x@b"), a_job("c", "x@c")])
    taken = [lanes.next() for _ in range(5)]
    assert [job.destination if job else None for job in taken] == ["a", "b", "c", "a", None]


def test_a_later_mail_never_overtakes_an_earlier_one_to_the_same_recipient() -> None:
    lanes = Lanes(total=9, per_destination=9)
    first, second, third, other = a_job("a", "x@a"), a_job("a", "X@a", "y@a"), a_job("a", "y@a"), a_job("a", "z@a")
    lanes.add([first, second, third, other])
    assert [lanes.next(), lanes.next(), lanes.next()] == [first, other, None]
    lanes.done(first)
    assert [lanes.next(), lanes.next()] == [second, None]
    lanes.done(second)
    assert lanes.next() is third


def test_a_job_put_back_goes_first_and_the_lane_gets_narrower() -> None:
    lanes = Lanes(total=9, per_destination=3)
    jobs = [a_job("a", f"{i}@a") for i in range(5)]
    lanes.add(jobs)
    assert [lanes.next(), lanes.next(), lanes.next()] == jobs[:3]
    lanes.put_back(jobs[2])
    assert lanes.next() is None
    lanes.done(jobs[0])
    assert lanes.next() is jobs[2]
    assert lanes.running == 2


def test_emptied_lanes_are_forgotten() -> None:
    lanes = Lanes(total=9, per_destination=3)
    lanes.add([a_job("a", "x@a"), a_job("b", "x@b"), a_job("b", "y@b")])
    job = lanes.next()
    assert job is not None
    assert len(lanes.take_waiting("b")) == 2
    assert lanes.take_waiting() == []
    lanes.done(job)
    assert (lanes._lanes, lanes.running) == ({}, 0)


def test_recipients_of_one_mail_with_one_return_path_share_a_transaction() -> None:
    deliveries = [
        a_delivery("a@b.example"),
        a_delivery("b@B.example"),
        a_delivery("c@b.example", return_path="other@desk.example"),
        a_delivery("d@c.example"),
        a_delivery("e@b.example", outgoing_id=2),
        a_delivery("f@bücher.example"),
    ]
    jobs = make_jobs(deliveries, settings("mx"), 0.0)
    assert [(j.destination, [d.address[0] for d in j.deliveries]) for j in jobs] == [
        ("b.example", ["a", "b"]),
        ("b.example", ["c"]),
        ("c.example", ["d"]),
        ("b.example", ["e"]),
        ("xn--bcher-kva.example", ["f"]),
    ]


# --- Maildir ----------------------------------------------------------------------------------------------------------


def test_a_repeat_takes_the_place_of_the_first_copy(tmp_path: Path) -> None:
    maildir.store(tmp_path / "box", [a_delivery()])
    [first] = (tmp_path / "box" / "new").iterdir()
    maildir.store(tmp_path / "box", [a_delivery(attempts=2)])
    assert list((tmp_path / "box" / "new").iterdir()) == [first]


def test_a_repeat_after_a_reader_took_the_first_copy_is_none(tmp_path: Path) -> None:
    maildir.store(tmp_path, [a_delivery()])
    [first] = (tmp_path / "new").iterdir()
    first.rename(tmp_path / "cur" / f"{first.name}:2,S")
    maildir.store(tmp_path, [a_delivery(attempts=2)])
    assert list((tmp_path / "new").iterdir()) == []


def test_every_letter_is_on_the_disk_before_one_comes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maildir.store(tmp_path, [])
    seen: list[str] = []
    sync, move = os.fsync, os.replace

    def synced(handle: int) -> None:
        seen.append("sync " + Path(os.readlink(f"/proc/self/fd/{handle}")).parent.name)
        sync(handle)

    def moved(old: Path, new: Path) -> None:
        seen.append("move")
        move(old, new)

    monkeypatch.setattr(maildir.os, "fsync", synced)
    monkeypatch.setattr(maildir.os, "replace", moved)
    maildir.store(tmp_path, [a_delivery(recipient_id=i) for i in range(1, 4)])
    assert seen == ["sync tmp"] * 3 + ["move"] * 3 + [f"sync {tmp_path.name}"]
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_maildir_files_are_ours_alone_and_recipients_get_their_own(tmp_path: Path) -> None:
    maildir.store(tmp_path / "box", [a_delivery(), a_delivery(recipient_id=8)])
    files = list((tmp_path / "box" / "new").iterdir())
    assert len({f.name for f in files}) == 2
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "box" / "new").stat().st_mode) == 0o700


def test_a_half_written_file_of_a_crash_is_written_over(tmp_path: Path) -> None:
    maildir.store(tmp_path, [])
    (tmp_path / "tmp" / maildir.file_name(a_delivery())).write_bytes(b"x" * 100_000)
    maildir.store(tmp_path, [a_delivery(attempts=2)])
    [file] = (tmp_path / "new").iterdir()
    assert file.read_bytes() == maildir.content(a_delivery())
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_null_sender_in_a_maildir() -> None:
    assert maildir.content(a_delivery(return_path=None)).startswith(b"Return-Path: <>\nDelivered-To: wang@b.example\nSubject")
