CREATE TABLE greylist (
    key TEXT NOT NULL PRIMARY KEY,
    first_at REAL NOT NULL,
    passed INTEGER NOT NULL,
    expires_at REAL NOT NULL
) STRICT;
CREATE INDEX greylist_expires ON greylist (expires_at);
