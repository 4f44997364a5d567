-- The rung of the ladder for each entry, and history that was imported.

ALTER TABLE entry ADD COLUMN rung TEXT NOT NULL DEFAULT '';
ALTER TABLE entry ADD COLUMN repeat_of INTEGER;

CREATE TABLE unseen_ref (
    message_id TEXT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    PRIMARY KEY (message_id, ticket_id)
) STRICT;

CREATE TABLE imported (
    key TEXT NOT NULL PRIMARY KEY,
    mail_id TEXT NOT NULL UNIQUE REFERENCES incoming (id),
    source TEXT NOT NULL
) STRICT;
