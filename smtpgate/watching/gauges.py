"""What stands where just now: numbers that go up and down, out of what the gateway and its store tell of themselves. Pure.

Every one is in GAUGES with its meaning and its label; a label's values are closed sets of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smtpgate import __version__
from smtpgate.model import DeliveryState, MailState
from smtpgate.store.seen import Overview

Values = dict[str, float]  # by label


@dataclass(frozen=True, slots=True)
class Gauge:
    name: str
    says: str
    label: str = ""


_G = (
    Gauge("smtpgate_build_info", "1, with the version.", "version"),
    Gauge("smtpgate_start_time_seconds", "When it began, in seconds since 1970; 0 while it starts."),
    Gauge("smtpgate_ready", "1 when mail may be sent here (/health/ready)."),
    Gauge("smtpgate_sessions", "Connections that are open, that send a mail just now, and that may be open.", "what"),
    Gauge("smtpgate_stressed", "1 while there are so many that limits are tighter ([stress])."),
    Gauge("smtpgate_octets_in_flight", "Octets of mail that is being received."),
    Gauge("smtpgate_in_hand", "Mails that are being filed, recipients that are being delivered to.", "work"),
    Gauge("smtpgate_turn_age_seconds", "How long ago each loop came round.", "loop"),
    Gauge("smtpgate_outgoing_connections", "Connections to other servers, and how many there may be.", "what"),
    Gauge("smtpgate_parsers", "Parser processes that read a mail just now, and that wait for one.", "state"),
    Gauge("smtpgate_process_memory_bytes", "Memory of our processes; what they share is divided among them.", "process"),
    Gauge("smtpgate_processes", "How many of each there are.", "process"),
    Gauge("smtpgate_certificate_ends_seconds", "When the TLS certificate in use ends, in seconds since 1970; 0 without one."),
    Gauge("smtpgate_reload_refused", "1 while the configuration in force is not the one in the file."),
    Gauge("smtpgate_store_up", "1 when the store answers."),
    Gauge("smtpgate_disk_free_bytes", "Free on the disk of the store."),
    Gauge("smtpgate_disk_least_bytes", "Below so many free, mail is answered 452 (limits.free_space)."),
    Gauge("smtpgate_incoming_mails", "Incoming mails in the store, by state: accepted waits for filing.", "state"),
    Gauge("smtpgate_outgoing_recipients", "Recipients of outgoing mail in the store, by state.", "state"),
    Gauge("smtpgate_oldest_seconds", "Age of the oldest that waits; 0 when none does.", "what"),
    Gauge("smtpgate_leases", "Mails and recipients that some gateway has taken and not finished.", "work"),
    Gauge("smtpgate_lease_holders", "Processes that hold them, on all nodes.", "work"),
    Gauge("smtpgate_paused_destinations", "Destinations to which nothing is sent until somebody mends something."),
    Gauge("smtpgate_tickets_open", "Tickets that are not resolved or closed."),
    Gauge("smtpgate_tickets_overdue", "Tickets that should have been answered or solved by now; 10,000 stands for more.", "desk"),
)
GAUGES = {gauge.name.removeprefix("smtpgate_"): gauge for gauge in _G}

Read = dict[str, Values]  # by the names in GAUGES
_WAITING = (
    *(f"mail.{state}" for state in (MailState.ACCEPTED, MailState.HELD, MailState.POISON)),
    *(f"delivery.{state}" for state in DeliveryState if state.pending),
)


def of_process(doing: Mapping[str, Any]) -> Read:
    """Of what the gateway does just now, as it writes it for `status`."""
    sessions, filing, delivery = (doing.get(name) or {} for name in ("sessions", "filing", "delivery"))
    parsers = doing.get("parsers") or []
    busy = sum(parser.get("octets") is not None for parser in parsers)
    memory: Values = {}
    count: Values = {}
    for process in doing.get("processes") or []:
        name = process["name"]
        memory[name] = memory.get(name, 0.0) + process["memory"]
        count[name] = count.get(name, 0.0) + 1
    return {
        "build_info": {__version__: 1.0},
        "start_time_seconds": {"": doing.get("started_at") or 0.0},
        "sessions": {what: float(sessions.get(what, 0)) for what in ("open", "receiving", "limit")},
        "stressed": {"": float(bool(sessions.get("stress")))},
        "octets_in_flight": {"": float(sessions.get("octets", 0))},
        "in_hand": {"filing": float(filing.get("in_hand", 0)), "delivery": float(delivery.get("in_hand", 0))},
        "outgoing_connections": {"open": float(delivery.get("connections", 0)), "limit": float(delivery.get("limit", 0))},
        "parsers": {"busy": float(busy), "idle": float(len(parsers) - busy)},
        "process_memory_bytes": memory,
        "processes": count,
        "certificate_ends_seconds": {"": doing.get("certificate_until") or 0.0},
        "reload_refused": {"": float(bool(doing.get("reload_refused")))},
    }


def of_store(seen: Overview, now: float) -> Read:
    return {
        "incoming_mails": {state.value: float(seen.counts.get(f"mail.{state}", 0)) for state in MailState},
        "outgoing_recipients": {state.value: float(seen.counts.get(f"delivery.{state}", 0)) for state in DeliveryState},
        "oldest_seconds": {what: max(0.0, now - seen.oldest.get(what, now)) for what in _WAITING},
        "leases": dict(_leases(seen, by_mail=True)),
        "lease_holders": dict(_leases(seen, by_mail=False)),
        "paused_destinations": {"": float(len(seen.pauses))},
        "tickets_open": {"": float(seen.counts.get("ticket.open", 0))},
        "tickets_overdue": {desk: float(count) for desk, count in seen.overdue.items()},
    }


def _leases(seen: Overview, *, by_mail: bool) -> Iterator[tuple[str, float]]:
    for work in ("filing", "delivery"):
        yield work, float(sum(one.count if by_mail else 1 for one in seen.workers if one.work == work))
