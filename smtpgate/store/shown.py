"""What people look at: a line of the queue, a mail of ours, a ticket, a paused destination; and what was
said in a ticket. Plain data, as in store.api."""

from __future__ import annotations

from dataclasses import field

from smtpgate.due import Due
from smtpgate.model import Attempt, DeliveryState, Entry, OtherTicket, OutgoingMail, Ticket, Withdrawn
from smtpgate.records import record
from smtpgate.wish import Wish


@record(frozen=True, slots=True)
class RecipientStatus:
    """One line of `queue list`."""

    recipient_id: int
    outgoing_id: int
    ticket_number: str | None
    purpose: str
    address: str
    state: DeliveryState
    attempts: int
    created_at: float
    next_at: float
    last_code: int
    last_reply: str


@record(frozen=True, slots=True)
class OutgoingDetail:
    mail: OutgoingMail
    ticket_number: str | None
    recipients: tuple[RecipientStatus, ...]
    attempts: tuple[Attempt, ...]  # of all recipients, oldest first


@record(frozen=True, slots=True)
class TicketDetail:
    ticket: Ticket
    entries: tuple[Entry, ...]  # oldest first
    sent: tuple[RecipientStatus, ...]
    due: tuple[Due, ...] = ()  # what comes of it by itself
    worked: tuple[tuple[str, float, int], ...] = ()  # who spent how many minutes on it, and when; oldest first


@record(frozen=True, slots=True)
class Pause:
    """Why a destination is not tried: a failure that only the admin can mend (a refused password)."""

    destination: str
    since: float
    reason: str


@record(frozen=True, slots=True)
class Known:
    """A person in whose name an agent opens a ticket: when acknowledgements went there in 24 h, oldest first; the language that we
    last wrote in; the newest tickets; what the person asked for."""

    acks: tuple[float, ...] = ()
    language: str = ""
    others: tuple[OtherTicket, ...] = ()
    wish: Wish = field(default_factory=Wish)


@record(frozen=True, slots=True)
class Told:
    """How much an agent was told in the last hour, and how many mails were left out since the last one."""

    sent: int = 0
    left_out: int = 0


@record(frozen=True, slots=True)
class Choice:
    """What decides which mail of its customer an agent takes out of a ticket."""

    newest: Entry | None = None  # mail of the customer, within reach
    wanted: Entry | None = None  # the one of this number, or by this name
    answered: Entry | None = None  # of any kind and age: what the mail of ours was about that is answered
    only: bool = False  # there is no other mail of the customer than the newest


@record(frozen=True, slots=True)
class Spent:
    """Minutes that an agent has spent on a ticket, and the newest of what they are the sum of: id, when, minutes."""

    minutes: int = 0
    newest: tuple[tuple[int, float, int], ...] = ()


@record(frozen=True, slots=True)
class Reversal:
    """The newest merge into a ticket. old and new: both as they were before, with what the merge has not changed as it is now."""

    old: Ticket
    new: Ticket
    at: float
    by: str
    until: float  # it may be taken back
    since: bool  # something else has happened in one of them
    told: bool  # the customer's mail about it has left, or is just leaving


@record(frozen=True, slots=True)
class Said:
    """What an agent is shown of the tickets that a mail reaches, and what guards an agent's answer. By ticket id."""

    entries: dict[int, tuple[Entry, ...]] = field(default_factory=dict)  # the newest ones, newest first
    others: tuple[OtherTicket, ...] = ()  # of the sender, the newest first
    waiting: dict[int, tuple[Withdrawn, ...]] = field(default_factory=dict)  # what can be taken back, the newest first
    began: dict[int, str] = field(default_factory=dict)  # whose mail it began with, when the question asks for it
    spent: dict[int, Spent] = field(default_factory=dict)  # of the sender, when the question asks for it
    told: dict[str, Told] = field(default_factory=dict)  # by an agent's address
    answered_at: float = 0.0  # when the newest mail of ours was made that the mail refers to
    answered_entry: int | None = None  # what that mail was about
    copies: dict[int, tuple[Entry, ...]] = field(
        default_factory=dict
    )  # when asked for: who gets copies, and no longer, newest first
    merges: dict[int, Reversal] = field(default_factory=dict)  # where the question asks for it, by the ticket that is left
    choices: dict[int, Choice] = field(default_factory=dict)  # where the question asks for it
