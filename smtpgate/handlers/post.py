"""Our own mail: composed, addressed, with its signed return path and reply address. Its DKIM signature it gets when it leaves.

Everything that a customer is ever sent by filing or by a command is made here. Raises ComposeError for a letter that
cannot be built as it is meant. No I/O.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from smtpgate.bulletin import Matter
from smtpgate.clock import Clock, id_text, new_id
from smtpgate.config import Config
from smtpgate.desksettings import Agent, Desk
from smtpgate.languages import Language, written_in
from smtpgate.listing import Daily
from smtpgate.mail import address as mail_address
from smtpgate.mail import duewords
from smtpgate.mail.answers import Answer, compose_answer
from smtpgate.mail.briefing import Briefing, Receipt, alarms_summed, compose_briefing, compose_receipt, late_lines, late_title
from smtpgate.mail.compose import Templates, compose
from smtpgate.mail.daily import Digest, compose_digest
from smtpgate.mail.forward import forward_for_postmaster
from smtpgate.mail.heldmail import HeldItem, HeldNotice, compose_held
from smtpgate.mail.letters import ComposeError, Ending, Letter, Personal, Purpose, Standing, new_message_id
from smtpgate.mail.outward import Carried
from smtpgate.mail.privacywords import Occasion
from smtpgate.mail.token import TokenKind, Tokens
from smtpgate.mail.wire import Composed
from smtpgate.model import Address, Entry, OtherTicket, OutgoingMail, OutgoingRecipient, ParsedMail, Ticket
from smtpgate.person import Request
from smtpgate.records import record
from smtpgate.store.api import Incoming, MessageRef


@record(frozen=True, slots=True)
class Post:
    config: Config
    templates: Templates
    tokens: Tokens
    clock: Clock

    @staticmethod
    def key(address: str) -> str:
        return mail_address.key(address)

    @staticmethod
    def language(ticket: Ticket) -> Language:
        """What the ticket's customer is written to in."""
        return written_in(ticket.language)

    def to_customer(
        self,
        *,
        purpose: str,
        desk: Desk,
        ticket: Ticket,
        to: Address,
        now: float,
        send_at: float | None = None,
        in_reply_to: ParsedMail | None = None,
        references: tuple[str, ...] = (),
        message: str = "",
        entry_id: int | None = None,
        standing: Standing | None = None,
        other: str = "",
        ending: Ending | None = None,
        matter: Matter | None = None,
        copies: bool = False,
        promised: float | None = None,
    ) -> OutgoingMail:
        """One status mail to one customer. It threads below in_reply_to, the mail that it answers, else references. promised: until
        when he is to be answered."""
        answered = in_reply_to.message_id if in_reply_to else None
        language = written_in(ticket.language)
        letter = Letter(
            purpose=Purpose(purpose),
            language=language,
            desk=desk,
            ticket_number=ticket.number,
            to=to,
            message_id=new_message_id(ticket.id, desk.domain, secrets.token_bytes(10)),
            date=now,
            subject=ticket.subject,
            show_subject=ticket.subject_shown,
            message=message,
            in_reply_to=answered or (references[-1] if references else None),
            references=(*in_reply_to.references, answered) if in_reply_to and answered else references,
            reply_to=self.tokens.reply_address(desk.address, ticket.id, to.address, now),
            standing=standing,
            other=other,
            fewer=ticket.customer is not None and ticket.customer.fewer,
            ending=ending,
            matter=matter,
            copies=copies,
            promise="" if promised is None else duewords.promise(promised, desk, language, now),
        )
        composed = compose(letter, self.templates)
        return self._outgoing(composed, purpose, desk, ticket, to.address, now, now if send_at is None else send_at, entry_id)

    def personal(
        self,
        *,
        occasion: Occasion,
        request: Request,
        desk: Desk,
        number: str,
        to: Address,
        now: float,
        until: float | None = None,
        counts: Mapping[str, int] | None = None,
        send_at: float | None = None,
        ticket: Ticket | None = None,
        in_reply_to: ParsedMail | None = None,
        files: tuple[Carried, ...] = (),
    ) -> OutgoingMail:
        """About what a person asked about his own data; with an address for this request where it asks for an answer. ticket: whose
        mail it is; None for what goes once it has left."""
        answered = in_reply_to.message_id if in_reply_to else None
        reply_to = desk.address
        if occasion.answered:
            reply_to = self.tokens.reply_address(desk.address, request.id, to.address, now, TokenKind.PERSON)
            if reply_to == desk.address:
                raise ComposeError(f"the address of the desk {desk.name} is too long for a signed one")
        letter = Letter(
            purpose=Purpose.PRIVACY,
            language=written_in(request.language),
            desk=desk,
            ticket_number=number,
            to=to,
            message_id=new_message_id(request.id, desk.domain, secrets.token_bytes(10)),
            date=now,
            in_reply_to=answered,
            references=(*in_reply_to.references, answered) if in_reply_to and answered else (),
            reply_to=reply_to,
            personal=Personal(occasion, until, counts or {}, id_text(request.id)),
        )
        composed = compose(letter, self.templates, files)
        return self._outgoing(composed, "privacy", desk, ticket, to.address, now, now if send_at is None else send_at, None)

    def answer(
        self,
        *,
        desk: Desk,
        ticket: Ticket,
        agent: Agent,
        to: Address,
        now: float,
        send_at: float,
        text: str,
        html: str | None,
        files: tuple[Carried, ...],
        references: tuple[str, ...],
        entry_id: int,
        state: str = "",
        merged: str = "",
        quoted: Entry | None = None,
    ) -> OutgoingMail:
        """An agent's words to one customer."""
        answer = Answer(
            desk=desk,
            ticket=ticket,
            agent=agent,
            to=to,
            language=written_in(ticket.language),
            message_id=new_message_id(ticket.id, desk.domain, secrets.token_bytes(10)),
            date=now,
            reply_to=self.tokens.reply_address(desk.address, ticket.id, to.address, now),
            text=text,
            html=html,
            files=files,
            in_reply_to=references[-1] if references else None,
            references=references,
            state=state,
            merged=merged,
            quoted=quoted,
        )
        return self._outgoing(compose_answer(answer, self.templates), "answer", desk, ticket, to.address, now, send_at, entry_id)

    def briefing(
        self,
        *,
        what: str,
        desk: Desk,
        ticket: Ticket,
        agent: Agent,
        entry: Entry,
        now: float,
        earlier: tuple[Entry, ...] = (),
        others: tuple[OtherTicket, ...] = (),
        left_out: int = 0,
        back: float | None = None,
    ) -> OutgoingMail:
        """What happened in a ticket, to one of its agents. All of a ticket hang below one Message-ID that was never sent, so that
        every client shows them as one thread."""
        briefing = Briefing(
            what=what,
            desk=desk,
            ticket=ticket,
            agent=agent,
            entry=entry,
            message_id=new_message_id(ticket.id, desk.domain, secrets.token_bytes(10)),
            date=now,
            answer_to=self.tokens.reply_address(desk.address, ticket.id, agent.address, now, TokenKind.ACTION),
            note_to=self.tokens.reply_address(desk.address, ticket.id, agent.address, now, TokenKind.NOTE),
            references=(self.agents_thread(ticket, desk),),
            earlier=earlier,
            others=others,
            left_out=left_out,
            back=back,
        )
        return self._outgoing(
            compose_briefing(briefing, self.templates), "to-agent", desk, ticket, agent.address, now, now, entry.id
        )

    def receipt(
        self,
        *,
        title: str,
        desk: Desk,
        ticket: Ticket | None,
        agent: Agent,
        now: float,
        lines: tuple[str, ...],
        text: str = "",
        in_reply_to: ParsedMail | None,
        confirm: int | None = None,
        purpose: str = "receipt",
    ) -> OutgoingMail:
        """What became of an agent's mail; in_reply_to None: of one that is not his. confirm: the held mail that an answer to
        this one vouches for. Without it and without a ticket an answer goes to the desk, as the agent's own mail did."""
        answered = in_reply_to.message_id if in_reply_to is not None else None
        if confirm is not None:
            answer_to = self.tokens.reply_address(desk.address, confirm, agent.address, now, TokenKind.CONFIRM)
        elif ticket is not None:
            answer_to = self.tokens.reply_address(desk.address, ticket.id, agent.address, now, TokenKind.ACTION)
        else:
            answer_to = desk.address
        thread = (self.agents_thread(ticket, desk),) if ticket is not None else ()
        receipt = Receipt(
            title=title,
            desk=desk,
            ticket=ticket,
            agent=agent,
            message_id=new_message_id(ticket.id if ticket else new_id(self.clock), desk.domain, secrets.token_bytes(10)),
            date=now,
            answer_to=answer_to,
            lines=lines,
            text=text,
            in_reply_to=answered,
            references=(*thread, *((answered,) if answered else ())),
        )
        return self._outgoing(compose_receipt(receipt, self.templates), purpose, desk, ticket, agent.address, now, now, None)

    def late(self, *, desk: Desk, ticket: Ticket, manager: Agent, now: float) -> OutgoingMail:
        """What is late, to somebody who only hears of it: no address of it does anything. An answer goes to who has the ticket."""
        late = Receipt(
            title=late_title(ticket, manager.language),
            desk=desk,
            ticket=None,
            agent=manager,
            message_id=new_message_id(ticket.id, desk.domain, secrets.token_bytes(10)),
            date=now,
            answer_to=ticket.assignee or desk.address,
            lines=late_lines(ticket, desk, manager, now),
            references=(f"<{id_text(ticket.id)}.late@{desk.domain}>",),
        )
        return self._outgoing(compose_receipt(late, self.templates), "alert", desk, None, manager.address, now, now, None)

    def alarms(self, *, desk: Desk, agent: Agent, tickets: Sequence[tuple[Ticket, Desk]], now: float) -> OutgoingMail:
        """All that somebody has not heard of in time, each with its desk; what is due first stands first. No address of it does
        anything."""
        lists_at = desk.address if any(self.key(one) == self.key(agent.address) for one in desk.agents) else ""
        title, lines = alarms_summed(tickets, agent, now, lists_at)
        summed = Receipt(
            title=title,
            desk=desk,
            ticket=None,
            agent=agent,
            message_id=new_message_id(new_id(self.clock), desk.domain, secrets.token_bytes(10)),
            date=now,
            answer_to=desk.address,
            lines=lines,
        )
        return self._outgoing(compose_receipt(summed, self.templates), "alert", desk, None, agent.address, now, now, None)

    def held_address(self, desk: Desk, mail_id: int, agent: Agent, now: float) -> str:
        """Where this agent decides about a held mail."""
        return self.tokens.reply_address(desk.address, mail_id, agent.address, now, TokenKind.HELD)

    def held(
        self,
        *,
        desk: Desk,
        agent: Agent,
        items: tuple[HeldItem, ...],
        more: bool,
        ticket: Ticket | None,
        now: float,
        send_at: float,
    ) -> OutgoingMail:
        """What is held, to one agent. It is no mail of the ticket's: who only claims its number must not touch it."""
        notice = HeldNotice(
            desk=desk,
            agent=agent,
            ticket=ticket,
            items=items,
            more=more,
            message_id=new_message_id(ticket.id if ticket else new_id(self.clock), desk.domain, secrets.token_bytes(10)),
            date=now,
            references=(self.agents_thread(ticket, desk),) if ticket else (),
        )
        return self._outgoing(compose_held(notice, self.templates), "held", desk, None, agent.address, now, send_at, None)

    def digest(self, *, desk: Desk, agent: Agent, daily: Daily, now: float) -> OutgoingMail:
        """What waits for an agent, with his signed address of each ticket behind its links."""
        digest = Digest(
            desk=desk,
            agent=agent,
            daily=daily,
            message_id=new_message_id(new_id(self.clock), desk.domain, secrets.token_bytes(10)),
            date=now,
            answer_to=lambda ticket_id: self.tokens.reply_address(desk.address, ticket_id, agent.address, now, TokenKind.ACTION),
        )
        return self._outgoing(compose_digest(digest, self.templates), "digest", desk, None, agent.address, now, now, None)

    @staticmethod
    def agents_thread(ticket: Ticket, desk: Desk) -> str:
        """The Message-ID at the root of what agents see of a ticket. It says nothing that the number does not say."""
        return f"<{id_text(ticket.id)}.agents@{desk.domain}>"

    @staticmethod
    def copies_thread(ticket: Ticket, desk: Desk) -> str:
        """The same for people whom an agent let take part: they know none of the customer's mails."""
        return f"<{id_text(ticket.id)}.copies@{desk.domain}>"

    def _outgoing(
        self,
        composed: Composed,
        purpose: str,
        desk: Desk,
        ticket: Ticket | None,
        address: str,
        now: float,
        send_at: float,
        entry_id: int | None,
    ) -> OutgoingMail:
        recipient_id = new_id(self.clock)
        return_path = self.tokens.bounce_address(desk.address, recipient_id, now)
        return OutgoingMail(
            id=new_id(self.clock),
            message_id=composed.message_id,
            purpose=purpose,
            data=composed.data,
            recipients=(OutgoingRecipient(recipient_id, address, return_path, send_at),),
            created_at=now,
            ticket_id=ticket.id if ticket else None,
            entry_id=entry_id,
            smtputf8=composed.smtputf8,
            eightbit=composed.eightbit,
        )

    def to_postmaster(self, mail: Incoming, role: str, person: str, desk: Desk, now: float) -> OutgoingMail:
        """The original, whole, to the person behind postmaster@ and abuse@, from the null sender so that it cannot loop."""
        message_id = new_message_id(new_id(self.clock), desk.domain, secrets.token_bytes(10))
        composed = forward_for_postmaster(
            mail.trace + mail.raw,
            role=role,
            person=person,
            desk=desk,
            envelope=mail.envelope,
            verdict=mail.verdict,
            message_id=message_id,
            date=now,
        )
        return OutgoingMail(
            id=new_id(self.clock),
            message_id=message_id,
            purpose="postmaster",
            data=composed.data,
            recipients=(OutgoingRecipient(new_id(self.clock), person, None, now),),
            created_at=now,
            smtputf8=composed.smtputf8,
            eightbit=composed.eightbit,
        )

    @staticmethod
    def reference(mail: OutgoingMail) -> MessageRef:
        """What makes an answer to this mail find its ticket."""
        assert mail.ticket_id is not None
        return MessageRef(mail.message_id, mail.ticket_id, ours=True)
