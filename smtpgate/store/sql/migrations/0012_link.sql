-- Tickets that belong together, a row for each end: what other_id is to ticket_id. The ticket of an 'into' was merged into
-- other_id, which itself is merged into none: whoever follows takes one step.
CREATE TABLE link (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    other_id INTEGER NOT NULL REFERENCES ticket (id),
    kind TEXT NOT NULL,
    at REAL NOT NULL,
    by_whom TEXT NOT NULL,
    PRIMARY KEY (ticket_id, other_id, kind)
) STRICT;
