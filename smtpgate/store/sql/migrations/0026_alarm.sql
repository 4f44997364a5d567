-- Alarms that the cap on mail to an agent has held back: he is told of them in one mail when there is room for one more.
CREATE TABLE alarm_held (
    address TEXT NOT NULL,
    ticket_id INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (address, ticket_id)
) STRICT;
