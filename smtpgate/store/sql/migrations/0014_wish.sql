-- What a person has asked for: the language of our mail ('' for no wish), and fewer notices.
CREATE TABLE wish (
    address_key TEXT NOT NULL PRIMARY KEY,
    language TEXT NOT NULL,
    fewer INTEGER NOT NULL,
    changed_at REAL NOT NULL
) STRICT;
