-- The whole database as it is now. Migrations from version 1 on lead to the same one (a test holds them together).
-- Times are seconds since 1970. Lists and small structures are JSON text. Flags are 0 or 1.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- One row for each mail that got a 250. seq is the order of arrival; id is what the outside sees.
CREATE TABLE incoming (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    received_at REAL NOT NULL,
    mail_from TEXT,
    rcpts TEXT NOT NULL,
    peer TEXT NOT NULL,
    helo TEXT NOT NULL,
    protocol TEXT NOT NULL,
    tls TEXT,
    smtputf8 INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    message_id TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    claims INTEGER NOT NULL DEFAULT 0,
    released INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    decision TEXT NOT NULL DEFAULT '',
    not_before REAL NOT NULL DEFAULT 0,
    leased_by TEXT,
    leased_until REAL NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX incoming_state ON incoming (state, seq);
CREATE INDEX incoming_message_id ON incoming (message_id, state, seq);

-- Files of raw mail, by the SHA-256 of what is in them. place: '' where new mail lies, else the month in the cold store.
CREATE TABLE raw_file (
    sha256 TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    place TEXT NOT NULL
) STRICT;

-- The bytes, apart, so that no listing reads them. packing 0: as they are; 1: zlib. With a file they are not in body but
-- in so many octets of it from start on.
CREATE TABLE incoming_raw (
    seq INTEGER PRIMARY KEY REFERENCES incoming (seq),
    packing INTEGER NOT NULL,
    trace BLOB NOT NULL,
    body BLOB NOT NULL,
    file TEXT REFERENCES raw_file (sha256),
    start INTEGER NOT NULL DEFAULT 0,
    length INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX incoming_raw_file ON incoming_raw (file) WHERE file IS NOT NULL;

-- Mail that came by `import` and not by a door. key: where it lay and what it held, so that it is never filed twice.
CREATE TABLE imported (
    key TEXT NOT NULL PRIMARY KEY,
    mail_id TEXT NOT NULL UNIQUE REFERENCES incoming (id),
    source TEXT NOT NULL
) STRICT;

CREATE TABLE ticket (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    desk TEXT NOT NULL,
    status TEXT NOT NULL,
    subject TEXT NOT NULL,
    language TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    unverified INTEGER NOT NULL,
    other_desks TEXT NOT NULL,
    assignee TEXT NOT NULL DEFAULT '',
    priority TEXT NOT NULL DEFAULT 'normal',
    tags TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX ticket_status ON ticket (status, id);
CREATE INDEX ticket_desk ON ticket (desk, status, id);
CREATE INDEX ticket_assignee ON ticket (assignee, desk, status, id) WHERE status IN ('received', 'progress', 'waiting');

-- since: when an agent put this one in the place of the ticket's customer, 0 for one who was it from the start. subject: he may read
-- the ticket's.
CREATE TABLE participant (
    id INTEGER PRIMARY KEY,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    address_key TEXT NOT NULL,
    address TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    since REAL NOT NULL DEFAULT 0,
    subject INTEGER NOT NULL DEFAULT 1,
    UNIQUE (ticket_id, address_key)
) STRICT;
CREATE INDEX participant_address ON participant (address_key, ticket_id);

-- What a person has asked for: the language of our mail ('' for no wish), and fewer notices.
CREATE TABLE wish (
    address_key TEXT NOT NULL PRIMARY KEY,
    language TEXT NOT NULL,
    fewer INTEGER NOT NULL,
    changed_at REAL NOT NULL
) STRICT;

-- The last serial that was used, for each counter.
CREATE TABLE serial (
    day TEXT NOT NULL,
    channel TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (day, channel)
) STRICT;

-- seq is the order in which entries were committed, which is the order in which they are shown. repeat_of: the entry of
-- the first copy.
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,
    id INTEGER NOT NULL UNIQUE,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    kind TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at REAL NOT NULL,
    text TEXT NOT NULL,
    mail_id TEXT REFERENCES incoming (id),
    message_id TEXT,
    evidence TEXT NOT NULL,
    marks TEXT NOT NULL,
    attachments TEXT NOT NULL,
    rung TEXT NOT NULL DEFAULT '',
    repeat_of INTEGER,
    details TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX entry_ticket ON entry (ticket_id, seq);
CREATE INDEX entry_mail ON entry (mail_id, ticket_id) WHERE mail_id IS NOT NULL;
CREATE INDEX entry_machine ON entry (ticket_id, created_at) WHERE kind = 'machine';

CREATE TABLE message_ref (
    message_id TEXT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    ours INTEGER NOT NULL,
    PRIMARY KEY (message_id, ticket_id)
) STRICT;

-- Message-IDs that imported mails of a ticket refer to. What has come under such an id stands in message_ref too.
CREATE TABLE unseen_ref (
    message_id TEXT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    PRIMARY KEY (message_id, ticket_id)
) STRICT;

-- Subjects of imported tickets, for answers that name no mail: key is made of the desk and the subject without its prefixes.
CREATE TABLE subject_ref (
    key TEXT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    at REAL NOT NULL,
    PRIMARY KEY (key, ticket_id)
) STRICT;

CREATE TABLE fingerprint (
    key TEXT NOT NULL PRIMARY KEY,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    mail_id TEXT NOT NULL REFERENCES incoming (id),
    first_at REAL NOT NULL,
    strong INTEGER NOT NULL,
    told INTEGER NOT NULL
) STRICT;

-- cause is the mail whose filing sent this one.
CREATE TABLE outgoing (
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    purpose TEXT NOT NULL,
    ticket_id INTEGER REFERENCES ticket (id),
    entry_id INTEGER REFERENCES entry (id),
    created_at REAL NOT NULL,
    smtputf8 INTEGER NOT NULL,
    eightbit INTEGER NOT NULL,
    cause TEXT REFERENCES incoming (id)
) STRICT;
CREATE INDEX outgoing_cause ON outgoing (cause) WHERE cause IS NOT NULL;
CREATE INDEX outgoing_ticket ON outgoing (ticket_id) WHERE ticket_id IS NOT NULL;

CREATE TABLE outgoing_raw (
    id INTEGER PRIMARY KEY REFERENCES outgoing (id),
    packing INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- due_at is when anybody may take it: next_at, or while an attempt is under way the end of its lease if that is later;
-- NULL when nothing is left to try.
CREATE TABLE recipient (
    id INTEGER PRIMARY KEY,
    outgoing_id INTEGER NOT NULL REFERENCES outgoing (id),
    position INTEGER NOT NULL,
    address TEXT NOT NULL,
    domain TEXT NOT NULL,
    return_path TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL,
    due_at REAL,
    claimed_by TEXT,
    delay_told INTEGER NOT NULL DEFAULT 0,
    last_code INTEGER NOT NULL DEFAULT 0,
    last_reply TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX recipient_due ON recipient (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX recipient_state ON recipient (state, id);
CREATE INDEX recipient_domain ON recipient (domain, id);
CREATE INDEX recipient_outgoing ON recipient (outgoing_id, position);

CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    recipient_id INTEGER NOT NULL REFERENCES recipient (id),
    at REAL NOT NULL,
    state TEXT NOT NULL,
    next_at REAL NOT NULL,
    code INTEGER NOT NULL,
    reply TEXT NOT NULL,
    remote TEXT NOT NULL,
    tls TEXT NOT NULL
) STRICT;
CREATE INDEX attempt_recipient ON attempt (recipient_id, id);
CREATE INDEX attempt_undelivered ON attempt (id) WHERE state <> 'delivered';

CREATE TABLE acknowledgement (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    at REAL NOT NULL,
    minute INTEGER NOT NULL, -- at / 60, whole: what the cap on all addresses counts by
    purpose TEXT NOT NULL
) STRICT;
CREATE INDEX acknowledgement_address ON acknowledgement (address, at);
CREATE INDEX acknowledgement_minute ON acknowledgement (minute);

-- How many rows of the above there are of each minute: the cap on all addresses asks for each mail.
CREATE TABLE acknowledged (
    minute INTEGER NOT NULL PRIMARY KEY,
    sent INTEGER NOT NULL
) STRICT;

CREATE TABLE pause (
    destination TEXT NOT NULL PRIMARY KEY,
    since REAL NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- Tries of clients of whom nothing is known. passed: came again in time; kept until expires_at.
CREATE TABLE greylist (
    key TEXT NOT NULL PRIMARY KEY,
    first_at REAL NOT NULL,
    passed INTEGER NOT NULL,
    expires_at REAL NOT NULL
) STRICT;
CREATE INDEX greylist_expires ON greylist (expires_at);

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

-- The gateways that share this store: what each said last. doing is a small JSON object.
CREATE TABLE node (
    name TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    started_at REAL NOT NULL,
    seen_at REAL NOT NULL,
    doing TEXT NOT NULL
) STRICT;

-- Tickets that belong together, a row for each end: what other_id is to ticket_id. The ticket of an 'into' was merged into
-- other_id, which itself is merged into none: whoever follows takes one step.
CREATE TABLE link (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    other_id INTEGER NOT NULL REFERENCES ticket (id),
    kind TEXT NOT NULL,
    at REAL NOT NULL,
    by_whom TEXT NOT NULL,
    PRIMARY KEY (ticket_id, other_id, kind)
) STRICT;

-- What is to happen later by itself, for a ticket: `snooze` brings it back to its agents, `state` is what silence leads to in the
-- state that it is in since then. at NULL: nothing more comes of it. reminded: when its customer was, 0 if he was not.
CREATE TABLE due (
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    what TEXT NOT NULL,
    at REAL,
    since REAL NOT NULL,
    state TEXT NOT NULL,
    reminded REAL NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (ticket_id, what)
) STRICT;
CREATE INDEX due_at ON due (at, ticket_id) WHERE at IS NOT NULL;

-- Of an agent: the last day that had its digest, and what he said of his leave (both moments the same: he is back).
CREATE TABLE member (
    agent TEXT NOT NULL PRIMARY KEY,
    digested TEXT NOT NULL DEFAULT '',
    away_since REAL NOT NULL DEFAULT 0,
    away_until REAL NOT NULL DEFAULT 0
) STRICT;

-- Whose mail is held, at one desk or ('') at all: a mailbox, in lower case and without its sub-address, or @domain.
CREATE TABLE block (
    who TEXT NOT NULL,
    desk TEXT NOT NULL,
    at REAL NOT NULL,
    by_whom TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (who, desk)
) STRICT;

-- The ticket that a mail would have joined when it was held. Whether it still is held, its own row says.
CREATE TABLE held_for (
    mail_id TEXT NOT NULL PRIMARY KEY REFERENCES incoming (id),
    ticket_id INTEGER NOT NULL REFERENCES ticket (id)
) STRICT;
CREATE INDEX held_for_ticket ON held_for (ticket_id);

-- The newest mail to an agent that lists held mails of a desk, since when and which: while it has not left, a longer one takes its
-- place.
CREATE TABLE hold_notice (
    address TEXT NOT NULL,
    desk TEXT NOT NULL,
    outgoing_id INTEGER NOT NULL REFERENCES outgoing (id),
    since REAL NOT NULL,
    mails TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (address, desk)
) STRICT;

-- Notices to everybody whom something concerns. texts is a JSON object by language; ended, below: where sending goes on.
CREATE TABLE bulletin (
    id INTEGER PRIMARY KEY,
    tag TEXT NOT NULL,
    matter TEXT NOT NULL,
    texts TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at REAL NOT NULL,
    desk TEXT NOT NULL,
    since REAL,
    follows INTEGER REFERENCES bulletin (id),
    run TEXT NOT NULL,
    ended INTEGER NOT NULL,
    below INTEGER NOT NULL
) STRICT;

-- Who got one, so that nobody gets it twice.
CREATE TABLE bulletin_person (
    bulletin_id INTEGER NOT NULL REFERENCES bulletin (id),
    address_key TEXT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES ticket (id),
    outgoing_id INTEGER NOT NULL REFERENCES outgoing (id),
    PRIMARY KEY (bulletin_id, address_key)
) STRICT;
CREATE INDEX bulletin_person_ticket ON bulletin_person (bulletin_id, ticket_id);

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

-- What was asked for or done about a person's data, and the record of it. address is '' once nothing of the person is left; worker
-- has it until leased_until; counts is a JSON object.
CREATE TABLE privacy (
    id INTEGER PRIMARY KEY,
    what TEXT NOT NULL,
    state TEXT NOT NULL,
    address TEXT NOT NULL,
    pseudonym TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    asked_at REAL NOT NULL,
    done_at REAL,
    at REAL,
    ticket_id INTEGER REFERENCES ticket (id),
    desk TEXT NOT NULL,
    language TEXT NOT NULL,
    counts TEXT NOT NULL,
    outgoing_id INTEGER REFERENCES outgoing (id),
    worker TEXT NOT NULL DEFAULT '',
    leased_until REAL NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX privacy_at ON privacy (at) WHERE at IS NOT NULL;
CREATE INDEX privacy_open ON privacy (state, asked_at) WHERE at IS NULL;

-- Of a merge that may be taken back: both tickets as they were before it and right after it (JSON, people by
-- a hash). No row of them keeps a ticket from being removed.
CREATE TABLE merge_state (
    ticket_id INTEGER NOT NULL PRIMARY KEY,
    other_id INTEGER NOT NULL,
    at REAL NOT NULL,
    by_whom TEXT NOT NULL,
    until REAL NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
) STRICT;
CREATE INDEX merge_state_other ON merge_state (other_id);

-- What it has moved: ids, and beside them the marks of an entry or the Message-ID of a reference.
CREATE TABLE merge_moved (
    ticket_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    item INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (ticket_id, kind, item, name)
) STRICT;

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

-- Wrong passwords at the submission listener, by minute and by the door that counted them. key is a hash of a name or a place; worker
-- is another one in each life of a process. Written together, not one by one (submission.failures_shared).
CREATE TABLE guess (
    key TEXT NOT NULL,
    minute INTEGER NOT NULL,
    worker TEXT NOT NULL,
    failures INTEGER NOT NULL,
    PRIMARY KEY (key, minute, worker)
) STRICT;
CREATE INDEX guess_minute ON guess (minute);

-- Alarms that the cap on mail to an agent has held back: he is told of them in one mail when there is room for one more.
CREATE TABLE alarm_held (
    address TEXT NOT NULL,
    ticket_id INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (address, ticket_id)
) STRICT;
