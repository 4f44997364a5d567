-- Notices to everybody whom something concerns. texts is a JSON object by language; ended, below: where sending goes on.
CREATE TABLE bulletin (
    id INTEGER PRIMARY KEY,
    tag TEXT NOT NULL,
    matter TEXT NOT NULL,
    texts TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at REAL NOT NULL,
    desk TEXT NOT NULL,
    since REAL,
    follows INTEGER REFERENCES bulletin (id),
    run TEXT NOT NULL,
    ended INTEGER NOT NULL,
    below INTEGER NOT NULL
) STRICT;

-- Who got one, so that nobody gets it twice.
CREATE TABLE bulletin_person (
    bulletin_id INTEGER NOT NULL REFERENCES bulletin (id),
    address_key TEXT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    outgoing_id INTEGER NOT NULL REFERENCES outgoing (id),
    PRIMARY KEY (bulletin_id, address_key)
) STRICT;
CREATE INDEX bulletin_person_ticket ON bulletin_person (bulletin_id, ticket_id);
