"""Our own mail: composed, addressed, with its signed return path and reply address. Its DKIM signature it gets when it leaves.

Everything that a customer is ever sent by filing or by a command is made here. Raises ComposeError for a letter that
cannot be built as it is meant. No I/O.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from smtpgate.clock import Clock, new_id
from smtpgate.config import Config, Desk
from smtpgate.mail import address as mail_address
from smtpgate.mail.compose import Templates, compose
from smtpgate.mail.forward import forward_for_postmaster
from smtpgate.mail.letters import Letter, Purpose, new_message_id
from smtpgate.mail.token import Tokens
from smtpgate.model import Address, OutgoingMail, OutgoingRecipient, ParsedMail, Ticket
from smtpgate.store.api import Incoming, MessageRef


@dataclass(frozen=True, slots=True)
class Post:
    config: Config
    templates: Templates
    tokens: Tokens
    clock: Clock

    @staticmethod
    def key(address: str) -> str:
        return mail_address.key(address)

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
    ) -> OutgoingMail:
        """One status mail to one customer. It threads below in_reply_to, the mail that it answers, else references."""
        outgoing_id, recipient_id = new_id(self.clock), new_id(self.clock)
        answered = in_reply_to.message_id if in_reply_to else None
        letter = Letter(
            purpose=Purpose(purpose),
            language="zh" if ticket.language == "zh" else "en",
            desk=desk,
            ticket_number=ticket.number,
            to=to,
            message_id=new_message_id(ticket.id, desk.domain, secrets.token_bytes(10)),
            date=now,
            subject=ticket.subject,
            show_subject=not ticket.unverified,
            message=message,
            in_reply_to=answered or (references[-1] if references else None),
            references=(*in_reply_to.references, answered) if in_reply_to and answered else references,
            reply_to=self.tokens.reply_address(desk.address, ticket.id, to.address, now),
        )
        composed = compose(letter, self.templates)
        return OutgoingMail(
            id=outgoing_id,
            message_id=composed.message_id,
            purpose=purpose,
            data=composed.data,
            recipients=(
                OutgoingRecipient(
                    id=recipient_id,
                    address=to.address,
                    return_path=self.tokens.bounce_address(desk.address, recipient_id, now),
                    next_at=now if send_at is None else send_at,
                ),
            ),
            created_at=now,
            ticket_id=ticket.id,
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
