"""Who goes next: claimed work in one lane for each destination, within the limits, and in order for each recipient.

Pure bookkeeping without I/O. Lanes take turns, so that one crowded destination does not hold up the others. Two mails
to one recipient never run at once, and a later one never overtakes an earlier one that is still in the lane.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from smtpgate.delivery.route import MAILDIR, destination_of
from smtpgate.deliverysettings import DeliverySettings
from smtpgate.model import Delivery

_SHOWN = 10  # destinations


@dataclass(slots=True, eq=False)
class Job:
    """What one transaction sends. start_by: monotonic seconds after which the claim may end during the attempt."""

    destination: str
    deliveries: tuple[Delivery, ...]
    start_by: float
    addresses: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.addresses = frozenset(d.address.lower() for d in self.deliveries)


@dataclass(slots=True)
class _Lane:
    limit: int
    waiting: deque[Job] = field(default_factory=deque)
    running: list[Job] = field(default_factory=list)

    def take(self) -> Job | None:
        """The first job none of whose recipients has an earlier mail under way or waiting."""
        if not self.waiting or len(self.running) >= self.limit:
            return None
        taken = {address for job in self.running for address in job.addresses}
        for i, job in enumerate(self.waiting):
            if taken.isdisjoint(job.addresses):
                del self.waiting[i]
                self.running.append(job)
                return job
            taken |= job.addresses
        return None


def make_jobs(deliveries: Sequence[Delivery], settings: DeliverySettings, start_by: float) -> list[Job]:
    """Group claimed recipients by mail, return path and destination, in the order of the claim."""
    groups: OrderedDict[tuple[str, int, str | None], list[Delivery]] = OrderedDict()
    for delivery in deliveries:
        destination = destination_of(delivery.address, settings)
        key = (destination, 0, None) if destination == MAILDIR else (destination, delivery.outgoing_id, delivery.return_path)
        groups.setdefault(key, []).append(delivery)
    return [Job(key[0], tuple(group), start_by) for key, group in groups.items()]


class Lanes:
    def __init__(self, total: int, per_destination: int) -> None:
        self._total = total
        self._per_destination = per_destination
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self.running = 0

    def add(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._lanes.setdefault(job.destination, _Lane(self._per_destination)).waiting.append(job)

    def next(self) -> Job | None:
        """The next job that may start now; it counts as running until `done` or `put_back`."""
        if self.running >= self._total:
            return None
        for destination in list(self._lanes):
            job = self._lanes[destination].take()
            if job is not None:
                self._lanes.move_to_end(destination)
                self.running += 1
                return job
        return None

    def done(self, job: Job) -> None:
        lane = self._lanes[job.destination]
        lane.running.remove(job)
        self.running -= 1
        if not lane.running and not lane.waiting:
            del self._lanes[job.destination]

    def put_back(self, job: Job) -> None:
        """The destination does not take that many connections: wait for one of the others, and use fewer from now on."""
        lane = self._lanes[job.destination]
        lane.limit = max(1, len(lane.running) - 1)
        lane.waiting.appendleft(job)
        self.done(job)

    def take_waiting(self, destination: str | None = None) -> list[Job]:
        """Remove and return what waits in one lane, or in all."""
        jobs: list[Job] = []
        for name in [destination] if destination is not None else list(self._lanes):
            lane = self._lanes.get(name)
            if lane is not None:
                jobs.extend(lane.waiting)
                lane.waiting.clear()
                if not lane.running:
                    del self._lanes[name]
        return jobs

    def doing(self) -> list[dict[str, object]]:
        """The busiest destinations."""
        lanes = [(name, len(lane.running), len(lane.waiting)) for name, lane in self._lanes.items()]
        busiest = sorted(lanes, key=lambda lane: -(lane[1] + lane[2]))[:_SHOWN]
        return [{"destination": name or "maildir", "running": running, "waiting": waiting} for name, running, waiting in busiest]

    def crowded(self, more_than: int) -> list[str]:
        """Destinations with more jobs waiting than that: claiming still more of them would only shut out others."""
        return [name for name, lane in self._lanes.items() if len(lane.waiting) > more_than]
