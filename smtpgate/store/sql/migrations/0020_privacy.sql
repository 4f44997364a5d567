CREATE TABLE privacy (
    id INTEGER PRIMARY KEY,
    what TEXT NOT NULL,
    state TEXT NOT NULL,
    address TEXT NOT NULL,
    pseudonym TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    asked_at REAL NOT NULL,
    done_at REAL,
    at REAL,
    ticket_id INTEGER REFERENCES ticket (id),
    desk TEXT NOT NULL,
    language TEXT NOT NULL,
    counts TEXT NOT NULL,
    outgoing_id INTEGER REFERENCES outgoing (id),
    worker TEXT NOT NULL DEFAULT '',
    leased_until REAL NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX privacy_at ON privacy (at) WHERE at IS NOT NULL;
CREATE INDEX privacy_open ON privacy (state, asked_at) WHERE at IS NULL;
