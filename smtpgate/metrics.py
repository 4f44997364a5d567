"""What the gateway counts about itself: every metric with its meaning and its labels, in this one place.

Counting is always on, because it costs well under a microsecond; whether anybody sees it is for `watching`. Labels are
closed sets that are written here: what is not among them counts as "other", so no mail can make a new one. The numbers are
those of this process; the door's come to the main process as a `snapshot`. Two threads that count the same at the same
moment may lose one. Nothing here raises.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from time import perf_counter

from smtpgate.clock import id_moment, id_number
from smtpgate.model import DeliveryState, Evidence

OTHER = "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

Values = dict[str, list[float]]  # by label: a counter's one number; of a histogram the counts by bucket, then the sum
Snapshot = dict[str, Values]

clock = perf_counter  # of durations


class Counter:
    """Only ever grows. label: its name, "" for none; known: all that it may be."""

    def __init__(self, name: str, says: str, label: str = "", known: tuple[str, ...] = ("",)) -> None:
        self.name, self.says, self.label = name, says, label
        self.values: Values = {one: [0.0] for one in (*known, *([OTHER] if label else []))}
        _all.append(self)

    def inc(self, label: str = "", by: float = 1.0) -> None:
        (self.values.get(label) or self.values[OTHER if self.label else ""])[0] += by


class Histogram:
    """How long things took, in seconds, or how many there were."""

    def __init__(
        self, name: str, says: str, label: str = "", known: tuple[str, ...] = ("",), bounds: tuple[float, ...] = SECONDS
    ) -> None:
        self.name, self.says, self.label, self.bounds = name, says, label, bounds
        self.values: Values = {one: [0.0] * (len(bounds) + 2) for one in (*known, *([OTHER] if label else []))}
        _all.append(self)

    def observe(self, value: float, label: str = "") -> None:
        counts = self.values.get(label) or self.values[OTHER if self.label else ""]
        counts[bisect_left(self.bounds, value)] += 1.0
        counts[-1] += value


_all: list[Counter | Histogram] = []

# --- all of them ------------------------------------------------------------------------------------------------------

GREET, VERDICT, COMMIT, ACCEPT = "greet", "verdict", "commit", "accept"
WAIT, PARSE, DECIDE, FILED, ATTEMPT, ANSWER = "wait", "parse", "decide", "filed", "attempt", "answer"
STEPS = (GREET, VERDICT, COMMIT, ACCEPT, WAIT, PARSE, DECIDE, FILED, ATTEMPT, ANSWER)
STEP = Histogram(
    "smtpgate_step_seconds",
    "How long each step of a mail's way took. greet: from a connection to our greeting; verdict: SPF, DKIM, DMARC; commit: storing"
    " it; accept: from the final dot to the reply; wait: from the 250 until filing takes it; parse: reading it, and waiting for a"
    " parser; decide: the handlers and the second commit; filed: from the 250 until it is on its ticket; attempt: one delivery;"
    " answer: from the 250 of a mail until what it was answered with is delivered.",
    "step",
    STEPS,
)
CONNECTIONS = Counter(
    "smtpgate_connections_total",
    "Connections that were let in, and those that a limit turned away.",
    "outcome",
    ("served", "refused"),
)
MAILS = Counter(
    "smtpgate_mails_total",
    "Replies to mails: accepted (2xx), deferred (4xx, the client comes again), refused (5xx).",
    "outcome",
    ("accepted", "deferred", "refused"),
)
LOGINS = Counter(
    "smtpgate_logins_total",
    "Logins at the submission listener: right, wrong, and not looked at because of earlier ones.",
    "what",
    ("yes", "wrong", "barred", "later"),
)
OCTETS = Counter("smtpgate_mail_octets_total", "Octets of the mails that were accepted.")
VERDICTS = Counter("smtpgate_verdicts_total", "What authentication found.", "evidence", tuple(e.value for e in Evidence))
DNS = Counter(
    "smtpgate_dns_questions_total",
    "Questions to DNS: answered from the cache, shared with one under way, asked; and how many of those asked came to nothing.",
    "how",
    ("cached", "shared", "asked", "failed"),
)
OUTCOMES = ("new", "joined", "repeat", "held", "noted", "bounce", "forwarded", "postponed")
FILINGS = Counter("smtpgate_filed_total", "What became of mails at filing.", "outcome", OUTCOMES)
TROUBLE = Counter(
    "smtpgate_filing_trouble_total",
    "Filings that went wrong: unreadable (filed whole), no parser, refused by the store, lease lost, failed (our code), poison.",
    "what",
    ("unreadable", "no-parser", "store", "lease", "failed", "poison"),
)
DUE = Counter(
    "smtpgate_due_total",
    "What time brought and this gateway did: snoozes that ended, what silence led to, alarms about targets, digests, people erased,"
    " copies of data; and what failed and is tried again.",
    "what",
    ("snooze", "state", "target", "digest", "erase", "export", "failed"),
)
DELIVERIES = Counter(
    "smtpgate_delivery_attempts_total",
    "Attempts to deliver to one recipient, by the state that they led to.",
    "state",
    tuple(s.value for s in DeliveryState),
)
STORE_WAIT = Histogram("smtpgate_store_wait_seconds", "How long a change waited in the queue of the store's writer.")
STORE_LOCK = Histogram("smtpgate_store_lock_seconds", "How long the writer waited for the lock of the store (BEGIN).")
STORE_COMMIT = Histogram("smtpgate_store_commit_seconds", "How long a COMMIT took, with its sync.")
STORE_BATCH = Histogram(
    "smtpgate_store_batch_verbs", "How many changes shared one commit.", bounds=(1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
)
LAG = Histogram(
    "smtpgate_loop_lag_seconds", "How much later than asked an event loop came round.", "process", ("gateway", "door", "delivery")
)
SPANS = Counter("smtpgate_spans_total", "Spans of traces, by what became of them.", "outcome", ("sent", "lost"))
LOGGED = Counter("smtpgate_log_lines_total", "Lines in the log.", "level", ("warning", "error", "critical"))

ALL: tuple[Counter | Histogram, ...] = tuple(_all)

# --- reading them -----------------------------------------------------------------------------------------------------

on_step: Callable[[str, float, str], None] | None = None  # of traces: the step, its seconds, the mail's id; it has just ended


def took(step: str, seconds: float, mail: str = "") -> None:
    """A step ended just now. mail: the id of the mail whose trace it belongs to."""
    STEP.observe(seconds, step)
    if on_step is not None and mail:
        on_step(step, seconds, mail)


def committed(waited: list[float], lock: float, commit: float) -> None:
    """A transaction of the store's writer: what each change waited for it, and the seconds of its lock and its COMMIT."""
    for seconds in waited:
        STORE_WAIT.observe(seconds)
    STORE_LOCK.observe(lock)
    STORE_COMMIT.observe(commit)
    STORE_BATCH.observe(len(waited))


def attempted(state: DeliveryState, seconds: float, cause: str | None, now: float) -> None:
    """An attempt for one recipient ended just now. cause: the id of the mail that it answers."""
    DELIVERIES.inc(state.value)
    took(ATTEMPT, seconds, cause or "")
    if cause and state is DeliveryState.DELIVERED:
        took(ANSWER, max(0.0, now - id_moment(id_number(cause))))


def forget() -> None:
    """Count from nothing, in a process that began as a copy of one that has counted."""
    for metric in ALL:
        for values in metric.values.values():
            values[:] = [0.0] * len(values)


def snapshot() -> Snapshot:
    """All values of this process, out of what Python has built in."""
    return {metric.name: {label: list(values) for label, values in metric.values.items()} for metric in ALL}


def total(*snapshots: Snapshot) -> Snapshot:
    """The sum of several. What another version has counted in another shape is left out."""
    found = {metric.name: {label: [0.0] * len(values) for label, values in metric.values.items()} for metric in ALL}
    for one in snapshots:
        for name, label, values in _entries(one):
            into = found.get(name, {}).get(label)
            if into is not None and len(into) == len(values):
                into[:] = map(float.__add__, into, values)
    return found


def _entries(found: Snapshot) -> Iterator[tuple[str, str, list[float]]]:
    return ((name, label, values) for name, by_label in found.items() for label, values in by_label.items())
