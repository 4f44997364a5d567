-- Breaks older versions: they do not keep the counts.
-- How many there are of what grows without end, in one row, so that nobody counts them: mail filed, recipients, tickets by
-- status. What else is counted is little.
CREATE TABLE tally (
    id INTEGER PRIMARY KEY,
    filed INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    received INTEGER NOT NULL,
    progress INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    resolved INTEGER NOT NULL,
    closed INTEGER NOT NULL
) STRICT;
INSERT INTO tally (id, filed, recipients, received, progress, waiting, resolved, closed) VALUES (
    1,
    (SELECT count(*) FROM incoming WHERE state = 'filed'),
    (SELECT count(*) FROM recipient),
    (SELECT count(*) FROM ticket WHERE status = 'received'),
    (SELECT count(*) FROM ticket WHERE status = 'progress'),
    (SELECT count(*) FROM ticket WHERE status = 'waiting'),
    (SELECT count(*) FROM ticket WHERE status = 'resolved'),
    (SELECT count(*) FROM ticket WHERE status = 'closed')
);

-- A desk's newest tickets of one status, and the newest mail to a domain, without reading those of others.
DROP INDEX ticket_desk;
CREATE INDEX ticket_desk ON ticket (desk, status, id);
CREATE INDEX recipient_domain ON recipient (domain, id);
