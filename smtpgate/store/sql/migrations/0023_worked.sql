-- Time that agents spent on tickets, in minutes, below nought where it corrects. desk: where the ticket was then.
CREATE TABLE worked (
    id INTEGER PRIMARY KEY,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    desk TEXT NOT NULL,
    agent TEXT NOT NULL,
    at REAL NOT NULL,
    minutes INTEGER NOT NULL
) STRICT;
CREATE INDEX worked_ticket ON worked (ticket_id);
CREATE INDEX worked_at ON worked (at);
