-- Subjects of imported tickets, for answers that name no mail: key is made of the desk and the subject without its prefixes.
CREATE TABLE subject_ref (
    key TEXT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    at REAL NOT NULL,
    PRIMARY KEY (key, ticket_id)
) STRICT;
