"""What became of an attempt for one recipient, and what that means for the queue and the ticket. Pure; never fails.

An Outcome is what the far side (or we) said; `settle` turns it into the row that the store keeps, with backoff, expiry
and the event that agents see. The far side's words are hostile text: `clean` makes them safe to store and to print.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from smtpgate.clock import utc
from smtpgate.delivery import backoff
from smtpgate.deliverysettings import DeliverySettings
from smtpgate.model import Attempt, Delivery, DeliveryState

LONGEST_REPLY = 1000  # model.Attempt.reply


@dataclass(frozen=True, slots=True)
class Outcome:
    """state is DELIVERED, FAILED, QUEUED (try again) or UNCERTAIN. code 0: no reply was heard, reply is our reason."""

    state: DeliveryState
    code: int
    reply: str
    remote: str = ""
    tls: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What to record for one recipient. event is an English text for the ticket, or ""."""

    attempt: Attempt
    event: str = ""
    delay_told: bool = False


def clean(text: str) -> str:
    """A reply as one printable line of at most 1,000 characters; what is not printable or not UTF-8 becomes a space."""
    short = text[: LONGEST_REPLY * 4]
    if not short.isprintable():
        short = "".join(c if c.isprintable() else " " for c in short)
    return short.strip()[:LONGEST_REPLY]


def of_reply(code: int, text: str, remote: str = "", tls: str = "") -> Outcome:
    """RFC 5321 §4.2.1: 2yz done, 5yz never, everything else not now."""
    if 200 <= code <= 299:
        state = DeliveryState.DELIVERED
    elif 500 <= code <= 599:
        state = DeliveryState.FAILED
    else:
        state = DeliveryState.QUEUED
    return Outcome(state, max(code, 0), clean(text), remote, tls)


def settle(delivery: Delivery, outcome: Outcome, *, now: float, settings: DeliverySettings, rng: random.Random) -> Settled:
    """The recipient's next state, the time of its next attempt, and what the ticket is told."""
    state, next_at, event, late = outcome.state, now, "", False
    if state.pending and backoff.expired(delivery.created_at, now, settings.lifetime):
        state = DeliveryState.EXPIRED
    if state is DeliveryState.UNCERTAIN:
        next_at = backoff.next_try(delivery.created_at, now, settings.uncertain_wait, settings.lifetime)
    elif state is DeliveryState.QUEUED:
        pause = backoff.wait(delivery.attempts, settings.retry, rng)
        next_at = backoff.next_try(delivery.created_at, now, pause, settings.lifetime)
    if state.pending and backoff.delay_due(delivery.created_at, now, settings.delay_notice, told=delivery.delay_told):
        late = True
        event = _delay_text(delivery, outcome, now, settings.lifetime)
    elif state in (DeliveryState.FAILED, DeliveryState.EXPIRED):
        event = _end_text(delivery, outcome, state, now)
    attempt = Attempt(
        recipient_id=delivery.recipient_id,
        at=now,
        state=state,
        next_at=next_at,
        code=outcome.code,
        reply=clean(outcome.reply),
        remote=outcome.remote,
        tls=outcome.tls,
    )
    return Settled(attempt, event, late)


def _said(outcome: Outcome) -> str:
    who = f"{outcome.remote} said" if outcome.code and outcome.remote else "Reason"
    words = f"{outcome.code} {outcome.reply}" if outcome.code and outcome.remote else outcome.reply
    return f"{who}: {clean(words)}"


def _end_text(delivery: Delivery, outcome: Outcome, state: DeliveryState, now: float) -> str:
    if state is DeliveryState.FAILED:
        return f"Our mail to {delivery.address} could not be delivered and will not be tried again. {_said(outcome)}"
    maybe = " It may have arrived: the connection was lost before the answer." if outcome.state is DeliveryState.UNCERTAIN else ""
    span = _span(now - delivery.created_at)
    return f"Our mail to {delivery.address} was given up after {span} and {delivery.attempts} attempts.{maybe} {_said(outcome)}"


def _delay_text(delivery: Delivery, outcome: Outcome, now: float, lifetime: float) -> str:
    until = utc(delivery.created_at + lifetime).strftime("%Y-%m-%d %H:%M UTC")
    span = _span(now - delivery.created_at)
    return f"Our mail to {delivery.address} has not been delivered for {span}. It is tried again until {until}. {_said(outcome)}"


def _span(seconds: float) -> str:
    hours = round(seconds / 3600)
    if hours < 1:
        return f"{max(round(seconds / 60), 1)} minutes"
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"
