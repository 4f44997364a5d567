-- The newest mail to an agent that lists the held mails of a desk, since when: while it has not left, a longer one takes its place.
CREATE TABLE hold_notice (
    address TEXT NOT NULL,
    desk TEXT NOT NULL,
    outgoing_id INTEGER NOT NULL REFERENCES outgoing (id),
    since REAL NOT NULL,
    PRIMARY KEY (address, desk)
) STRICT;
