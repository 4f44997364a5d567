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
