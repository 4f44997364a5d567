-- Breaks older versions: they know nothing of mail that lies in files.
-- Files of raw mail, by the SHA-256 of what is in them. place: '' where new mail lies, else the month in the cold store.
CREATE TABLE raw_file (
    sha256 TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    place TEXT NOT NULL
) STRICT;

ALTER TABLE incoming_raw ADD COLUMN file TEXT REFERENCES raw_file (sha256);
ALTER TABLE incoming_raw ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incoming_raw ADD COLUMN length INTEGER NOT NULL DEFAULT 0;
CREATE INDEX incoming_raw_file ON incoming_raw (file) WHERE file IS NOT NULL;
