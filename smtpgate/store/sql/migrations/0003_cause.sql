ALTER TABLE outgoing ADD COLUMN cause TEXT REFERENCES incoming (id);
CREATE INDEX outgoing_cause ON outgoing (cause) WHERE cause IS NOT NULL;
