-- The ticket that a mail would have joined when it was held. Whether it still is held, its own row says.
CREATE TABLE held_for (
    mail_id TEXT NOT NULL PRIMARY KEY REFERENCES incoming (id),
    ticket_id INTEGER NOT NULL REFERENCES ticket (id)
) STRICT;
CREATE INDEX held_for_ticket ON held_for (ticket_id);

-- Of mail that is held already: the number stands in what was decided, between these words and the next quotation mark.
INSERT INTO held_for (mail_id, ticket_id)
    SELECT h.mail_id, t.id
    FROM (
        SELECT id AS mail_id, substr(decision, instr(decision, '"ticket": "') + 11) AS rest FROM incoming
        WHERE state = 'held' AND instr(decision, '"ticket": "') > 0
    ) AS h
    JOIN ticket t ON t.number = substr(h.rest, 1, instr(h.rest, '"') - 1);
