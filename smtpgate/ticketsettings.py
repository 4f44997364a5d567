"""Settings of tickets: numbers, repeats, what closes them by itself, what is looked for in mail. Pure data, as in config.py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smtpgate.settingtypes import Numbers, Re2, Seconds, Section


class Tickets(Section):
    """Numbers, threads, repeats."""

    number_pattern: Numbers = Field(
        default="{date}-{channel}-{serial:04}",
        description="How numbers look. {date} is YYYYMMDD in the desk's zone, {channel} the desk's, {serial:04} counts within both."
        " Numbers made by earlier patterns stay recognised.",
    )
    repeat_window: Seconds = Field(
        default=1800.0, description="The same mail from the same sender to the same desk within this time is a repeat."
    )
    several_desks: Literal["shared", "each"] = Field(
        default="shared",
        description="One mail to several desks: one ticket that they share, or a ticket for each. Desks that To and Cc name share"
        " it also when the mail comes for each of them apart, within repeat_window.",
    )
    thanks: Literal["note", "reopen"] = Field(
        default="note",
        description="A mail that is nothing but thanks, on a resolved or closed ticket: keep it there without reopening the"
        " ticket, or reopen it like any other answer.",
    )
    answer_delay: Seconds = Field(
        default=60.0,
        description="How long an agent's answer stays here before it leaves, so that it can be taken back. 0s: it leaves at once.",
    )
    automatic_within: Seconds = Field(
        default=15.0,
        le=3600.0,
        description="Within this time after our mail nobody has read it and written an answer: an agent's mail that quotes nothing"
        " and comes so fast may be an automatic one, so it is held and he is asked. 0s: no mail is held for its haste.",
    )
    spent_most: Seconds = Field(
        default=86400.0,
        ge=60.0,
        le=30 * 86400.0,
        description="The most time that one #spent may add to a ticket, or take off.",
    )
    close_after: Seconds = Field(
        default=7 * 86400.0,
        description="A resolved ticket closes by itself after this time without an answer, and its customer is told. 0s: never.",
    )
    remind_before: Seconds = Field(
        default=2 * 86400.0,
        description="So long before a ticket closes by itself its customer is reminded, once. 0s: not at all.",
    )
    waiting_remind: Seconds = Field(
        default=4 * 86400.0,
        description="A customer from whom we wait for an answer is reminded once, after this time. 0s: not at all.",
    )
    waiting_close: Seconds = Field(
        default=0.0,
        description="A ticket that waits for its customer closes by itself after this time without an answer, and he is told. 0s:"
        " never, because what was not answered may not be solved.",
    )
    reopen_within: Seconds = Field(
        default=30 * 86400.0,
        description="An answer reopens a resolved or closed ticket within this time; later it opens a new one that is linked to it."
        " 0s: it always reopens.",
    )
    unmerge_within: Seconds = Field(
        default=7 * 86400.0,
        description="How long a merge may be taken back with #undo or `ticket unmerge`, as long as nothing else has happened in the"
        " ticket that is left. 0s: a merge is for good.",
    )
    split_reach: int = Field(
        default=1000,
        ge=12,
        le=100_000,
        description="A number behind #split, or `ticket split`, counts over so many of a ticket's newest entries. The mail that an"
        " agent answers is found however old it is.",
    )
    parent_wait: Seconds = Field(
        default=60.0,
        description="How long a reply waits for a mail it answers that has come but cannot be filed. For one that waits for its"
        " turn, as after an outage, it waits as long as need be.",
    )


class Extraction(Section):
    """What a mail is about: what is looked for in its subject and text."""

    built_in: bool = Field(
        default=True,
        description="Look for orders, invoices, shipments, RMA, tickets, contracts, customers, serial numbers, products, versions,"
        " errors, phone numbers, domains and log lines.",
    )
    text: int = Field(default=16384, ge=256, le=1048576, description="Characters of a text that are looked through.")
    finds: int = Field(default=30, ge=1, le=200, description="Values kept for one mail, at most five of each name.")


class Extract(Section):
    """A pattern of your own. With a built-in name it takes that one's place; an empty pattern only removes it."""

    name: str = Field(
        min_length=1, max_length=30, pattern=r"^[a-z][a-z0-9-]*$", description="What is found, as ticket show and rules name it."
    )
    pattern: Re2 = Field(
        description="RE2 syntax, so it takes time in proportion to the text. The first group is the value, or all of it when"
        " there is no group. Several patterns may have the same name."
    )
    where: Literal["subject", "text", "both"] = Field(default="both", description="Where to look.")
