"""The verb that keeps what a person asked for: the language of our mail, fewer notices."""

from __future__ import annotations

from smtpgate.store import rows
from smtpgate.store.statement import Query, Verb
from smtpgate.wish import NewWish

_NEWEST = 500  # tickets of a person among which the open ones are looked for


def wished(wish: NewWish) -> Verb[None]:
    key = rows.address_key(wish.address)
    yield Query(
        """INSERT INTO wish (address_key, language, fewer, changed_at) VALUES ($1, coalesce($2, ''), coalesce($3, 0), $4)
            ON CONFLICT (address_key) DO UPDATE SET language = coalesce($2, wish.language), fewer = coalesce($3, wish.fewer),
                changed_at = excluded.changed_at""",
        (key, wish.language, None if wish.fewer is None else int(wish.fewer), wish.at),
    )
    if wish.language is not None:
        yield Query(
            """UPDATE ticket SET language = $2 WHERE status NOT IN ('resolved', 'closed') AND id IN (SELECT ticket_id
                FROM participant WHERE address_key = $1 AND role = 'customer' ORDER BY ticket_id DESC LIMIT $3)""",
            (key, wish.language, _NEWEST),
        )
