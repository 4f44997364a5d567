"""Settings of the people who answer: the desks and their agents. config.py puts them together with the rest.

Pure data; building one from bad values raises pydantic's ValidationError.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smtpgate.languages import Language
from smtpgate.settingtypes import Color, Holiday, Hours, Leave, MailAddress, Seconds, Section, TimeOfDay, Zone
from smtpgate.targetsettings import Targets


class Texts(Section):
    """A text in the customer's languages."""

    zh: str = Field(default="", description="Simplified Chinese.")
    zh_hant: str = Field(default="", description="Traditional Chinese; empty: as in Simplified Chinese.")
    en: str = Field(default="", description="English.")

    def of(self, language: Language) -> str:
        """ "" when there is none in this language."""
        if language == "en":
            return self.en
        return (self.zh_hant or self.zh) if language == "zh-Hant" else self.zh


class Desk(Section):
    """One support team with its addresses."""

    name: str = Field(
        min_length=1,
        max_length=40,
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="Short name for commands, logs and tickets: those of a name that is gone are looked after by the first desk.",
    )
    address: MailAddress = Field(description="The address customers write to and our mail comes from.")
    aliases: list[MailAddress] = Field(default=[], description="Further addresses of the same desk.")
    display_name: Texts = Field(default=Texts(), description="The name in From, for each language; empty: the desk's name.")
    color: Color = Field(
        default="#1d4ed8",
        description="The colour of this desk in its mail, as #rrggbb: dark enough to be read on white; where mail is shown on dark,"
        " a lighter one is used.",
    )
    channel: str = Field(default="EML", pattern=r"^[A-Z0-9]{1,8}$", description="The channel code in ticket numbers.")
    language: Language = Field(
        default="en",
        description="Language of our mail when the customer's cannot be told: en, zh (Simplified Chinese) or zh-Hant.",
    )
    timezone: Zone = Field(default="UTC", description="Zone of dates in numbers and in mail.")
    agents: list[MailAddress] = Field(default=[], description="The members of the desk.")
    acknowledge: bool = Field(default=True, description="Send the number at once.")
    notify: bool = Field(
        default=True,
        description="Tell the agents by mail of new tickets and of what customers answer: the one who has the ticket, else all.",
    )

    colleagues_join: bool = Field(
        default=False,
        description="People in copy of a proved customer's mail get copies of our answers from then on, when they are of the"
        " customer's own domain and that is none of a public provider. All others: when an agent says #cc.",
    )

    hold_digest: Seconds = Field(
        default=3600.0,
        description="Held mail that belongs to no ticket is told to the agents together, so long after the first of it. 0s: each at"
        " once.",
    )
    quote: bool = Field(default=True, description="Below an agent's answer stands what the customer last wrote.")
    quote_length: int = Field(
        default=1500, ge=75, le=20_000, description="Characters of that at most; and lines, one for each 75 of them."
    )

    hours: list[Hours] = Field(
        default=[],
        description='When the desk works: ["mon-fri 09:00-18:00"]. What [desk.targets] counts, and nothing else. Empty: always.',
    )
    holidays: list[Holiday] = Field(
        default=[],
        description='Days on which the desk does not work: ["2027-02-06/2027-02-12"], or in each year: ["01-01", "12-24/12-26"].',
    )
    targets: Targets | None = Field(default=None, description="Until when customers are to be answered; unset: nothing counts.")

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


class Agent(Section):
    """What is to be known of an agent beside the desks that list the address."""

    address: MailAddress = Field(description="The address in desk.agents.")
    language: Language = Field(
        default="en", description="Language of our mail to this agent: en, zh (Simplified Chinese) or zh-Hant."
    )
    name: Texts = Field(default=Texts(), description="The name that customers see before the desk's; empty: the desk's alone.")
    timezone: Zone | None = Field(
        default=None, description="Zone of hours, leave, digest and dates for this agent; unset: the desk's."
    )
    hours: list[Hours] = Field(
        default=[],
        description='When this agent is on duty: ["mon-fri 09:00-18:00"]. What nobody has goes to the members on duty; with nobody'
        " on duty, to all. Empty: always.",
    )
    away: list[Leave] = Field(
        default=[],
        description='Days of leave, the last one included: ["2026-12-24/2027-01-02"]. By mail to the desk: #away until'
        " 2027-01-03, #back.",
    )
    digest: TimeOfDay = Field(
        default="08:00",
        description="When a mail comes with what waits for this agent, on days with hours, else Monday to Friday; nothing when"
        " nothing waits. Empty: none. Agents of desks with notify = false get one only when it is set here.",
    )
    receipts: Literal["needed", "all"] = Field(
        default="needed",
        description="A receipt for what cannot be seen: commands, what was held, refused or left out. all: for plain answers too.",
    )
    password_hash: str | None = Field(
        default=None,
        repr=False,
        description="Argon2id hash of the password for [submission], as smtpgate agent password prints it.",
    )


class NoticeFile(Section):
    """What `smtpgate notice send --file` reads."""

    tag: str = Field(min_length=1, description="To the customers of open tickets with this tag.")
    kind: Literal["notice", "delay", "maintenance", "outage"] = Field(default="notice", description="What it is about.")
    desk: str = Field(default="", description="Only tickets of this desk.")
    text: Texts = Field(description="What it says.")
