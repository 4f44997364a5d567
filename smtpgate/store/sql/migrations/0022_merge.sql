-- Of a merge that may be taken back: both tickets as they were before it and right after it (JSON, people by
-- a hash). No row of them keeps a ticket from being removed.
CREATE TABLE merge_state (
    ticket_id INTEGER NOT NULL PRIMARY KEY,
    other_id INTEGER NOT NULL,
    at REAL NOT NULL,
    by_whom TEXT NOT NULL,
    until REAL NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
) STRICT;
CREATE INDEX merge_state_other ON merge_state (other_id);

-- What it has moved: ids, and beside them the marks of an entry or the Message-ID of a reference.
CREATE TABLE merge_moved (
    ticket_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    item INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (ticket_id, kind, item, name)
) STRICT;
