-- What is to happen later by itself, for a ticket: `snooze` brings it back to its agents, `state` is what silence leads to in the
-- state that it is in since then. at NULL: nothing more comes of it. reminded: when its customer was, 0 if he was not.
CREATE TABLE due (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    what TEXT NOT NULL,
    at REAL,
    since REAL NOT NULL,
    state TEXT NOT NULL,
    reminded REAL NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (ticket_id, what)
) STRICT;
CREATE INDEX due_at ON due (at, ticket_id) WHERE at IS NOT NULL;

-- Of an agent: the last day that had its digest, and what he said of his leave (both moments the same: he is back).
CREATE TABLE member (
    agent TEXT NOT NULL PRIMARY KEY,
    digested TEXT NOT NULL DEFAULT '',
    away_since REAL NOT NULL DEFAULT 0,
    away_until REAL NOT NULL DEFAULT 0
) STRICT;
