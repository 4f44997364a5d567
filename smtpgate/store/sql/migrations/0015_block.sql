-- Whose mail is held, at one desk or ('') at all: a mailbox, in lower case and without its sub-address, or @domain.
CREATE TABLE block (
    who TEXT NOT NULL,
    desk TEXT NOT NULL,
    at REAL NOT NULL,
    by_whom TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (who, desk)
) STRICT;
