"""Verbs about the gateways that share the store: what each says of itself now and then. They fail only as their statements do.

Nothing depends on these rows: who may work is settled by leases and by the lock on a node's name.
"""

from __future__ import annotations

import json

from smtpgate.store.seen import Node
from smtpgate.store.statement import Query, Verb

FORGOTTEN = 7 * 86_400.0  # seconds of silence after which a node that never said goodbye is forgotten


def sign(node: Node) -> Verb[None]:
    yield Query(
        """INSERT INTO node (name, version, started_at, seen_at, doing) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (name) DO UPDATE SET version = excluded.version, started_at = excluded.started_at,
                seen_at = excluded.seen_at, doing = excluded.doing""",
        (node.name, node.version, node.started_at, node.seen_at, json.dumps(node.doing)),
    )
    yield Query("DELETE FROM node WHERE seen_at < $1", (node.seen_at - FORGOTTEN,))


def goodbye(name: str) -> Verb[None]:
    yield Query("DELETE FROM node WHERE name = $1", (name,))


def nodes() -> Verb[tuple[Node, ...]]:
    found = yield Query("SELECT name, version, started_at, seen_at, doing FROM node ORDER BY name")
    return tuple(Node(name, version, started, seen, json.loads(doing)) for name, version, started, seen, doing in found)
