-- Until when a ticket is to be answered or solved, where its desk has targets or an agent set a date. due_at: what comes first;
-- alert_at: when somebody must hear of it next; NULL: nothing is due, nobody. kept: what was counted, a JSON object.
CREATE TABLE target (
    ticket_id INTEGER PRIMARY KEY REFERENCES ticket (id),
    desk TEXT NOT NULL,
    due_at REAL,
    alert_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    kept TEXT NOT NULL
) STRICT;
CREATE INDEX target_due ON target (desk, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX target_alert ON target (alert_at, ticket_id) WHERE alert_at IS NOT NULL;

-- What became of them: answered or solved at that moment, by so many seconds of work too late.
CREATE TABLE target_met (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    target TEXT NOT NULL,
    at REAL NOT NULL,
    desk TEXT NOT NULL,
    late REAL NOT NULL,
    PRIMARY KEY (ticket_id, target, at)
) STRICT;
CREATE INDEX target_met_at ON target_met (desk, at);
