-- The gateways that share this store: what each said last.
CREATE TABLE node (
    name TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    started_at REAL NOT NULL,
    seen_at REAL NOT NULL,
    doing TEXT NOT NULL
) STRICT;
