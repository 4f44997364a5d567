"""What `status` finds wrong, and what to do about each: pure. docs/operations.md has a section for each alarm (a test)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from smtpgate.desks import tickets
from smtpgate.service.live import STUCK, Facts
from smtpgate.store.file import StoreFile
from smtpgate.store.seen import Overview


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that needs a person. name is a heading in docs/operations.md."""

    name: str
    text: str
    mend: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beyond what something is an alarm. Ages in seconds, space in bytes."""

    accepted_age: float
    queue_age: float
    held_age: float
    free_space: int


NAMES = (
    "gateway-down",
    "gateway-stuck",
    "store-damaged",
    "disk-full",
    "poison",
    "accepted-old",
    "paused",
    "queue-old",
    "held-old",
    "person-waits",
    "desk-gone",
    "node-silent",
    "node-clock",
    "certificate-ends",
    "reload-refused",
)
_ASKED = 3 * 86400.0  # seconds that a person waits for an admin; the law gives a month
_AHEAD = 5.0  # seconds that a node's clock may differ
_CERTIFICATE = 14 * 86400.0  # seconds before its end: those who renew do so with 30 days left


def alarms(
    seen: Overview,
    file: StoreFile,
    doing: tuple[Facts, float] | None,
    bounds: Bounds,
    now: float,
    strays: Mapping[str, int] | None = None,
) -> Iterator[Alarm]:
    """The gravest first. doing: what the gateway wrote, and how long ago; strays: tickets of desks that the configuration does not
    have."""
    if not file.running:
        yield Alarm("gateway-down", "no gateway runs on this store", "systemctl start smtpgate; its log says why it ended")
    if file.running and doing is not None and doing[1] > STUCK:
        text = f"the gateway gives no sign of life since {duration(doing[1])}"
        yield Alarm("gateway-stuck", text, "its log says what it waits for; systemctl restart smtpgate is safe")
    if file.damage:
        yield Alarm("store-damaged", f"the store is damaged: {file.damage}", "smtpgate verify, then restore the last good backup")
    if file.free < bounds.free_space:
        text = f"{file.free} bytes are left on the disk of the store; mail is answered 452"
        yield Alarm("disk-full", text, "make room; limits.free_space is the bound")
    poison = seen.counts["mail.poison"]
    if poison:
        text = f"{poison} mail could not be filed"
        yield Alarm("poison", text, "smtpgate poison list, then poison replay, or poison file --opaque")
    oldest = seen.oldest.get("mail.accepted")
    if oldest is not None and now - oldest > bounds.accepted_age:
        text = f"accepted mail is not filed since {duration(now - oldest)}"
        yield Alarm("accepted-old", text, "look for errors of filing in the gateway's log; smtpgate verify")
    for pause in seen.pauses:
        text = f"nothing is sent to {pause.destination}: {pause.reason}"
        yield Alarm("paused", text, f"mend it, then smtpgate queue resume {pause.destination}")
    waiting = [at for name, at in seen.oldest.items() if name.startswith("delivery.")]
    if waiting and now - min(waiting) > bounds.queue_age:
        text = f"outgoing mail waits since {duration(now - min(waiting))}"
        yield Alarm("queue-old", text, "smtpgate queue list says what the far side answers; then queue retry or queue drop")
    held = seen.oldest.get("mail.held")
    if held is not None and now - held > bounds.held_age:
        text = f"{seen.counts['mail.held']} held mail, the oldest since {duration(now - held)}: nobody has answered their senders"
        yield Alarm("held-old", text, "smtpgate hold list, then hold release or hold drop")
    asked = seen.oldest.get("person.confirmed")
    if asked is not None and now - asked > _ASKED:
        text = f"what a person asked for about their own data waits since {duration(now - asked)}"
        yield Alarm("person-waits", text, "smtpgate person list, then person export, person erase or person refuse")
    if "person.running" in seen.oldest:
        text = "a person is erased in part: it was stopped"
        yield Alarm("person-waits", text, "smtpgate person list names the address; run the same smtpgate person erase again")
    for desk, count in sorted((strays or {}).items()):
        text = f"{tickets(count)} to desk {desk}, which the configuration does not have: they stand in no list"
        yield Alarm("desk-gone", text, f"smtpgate desk move {desk} DESK gives them to another one")
    yield from _of_the_nodes(seen, now)
    if file.running and doing is not None:
        yield from _of_the_process(doing[0], now)


def _of_the_nodes(seen: Overview, now: float) -> Iterator[Alarm]:
    for node in seen.nodes:
        if now - node.seen_at > STUCK:
            text = f"gateway {node.name} gives no sign since {duration(now - node.seen_at)}"
            yield Alarm("node-silent", text, "look at that machine and its way to the database; the others go on with its work")
        if node.seen_at - now > _AHEAD:
            text = f"the clock of gateway {node.name} is {node.seen_at - now:.0f} s ahead of the one here"
            yield Alarm("node-clock", text, "set the clocks of all nodes by NTP: leases and the rule for repeats go by them")


def _of_the_process(facts: Facts, now: float) -> Iterator[Alarm]:
    until = facts.get("certificate_until")
    if until is not None and until - now < _CERTIFICATE:
        when = f"ends in {duration(until - now)}" if until > now else f"ended {duration(now - until)} ago"
        yield Alarm("certificate-ends", f"the TLS certificate in use {when}", "renew it, then smtpgate reload")
    refused = facts.get("reload_refused")
    if refused:
        text = f"the configuration in force is not the one in the file: {refused[0]}"
        yield Alarm("reload-refused", text, "smtpgate check-config, then smtpgate reload")


def duration(seconds: float) -> str:
    """In the largest unit that fits, rounded down: 59s, 4m, 23h, 12d."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(int(seconds), 0)}s"
