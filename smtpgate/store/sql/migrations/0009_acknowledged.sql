-- Breaks older versions: they do not keep the counts.
-- How many acknowledgements there are of each minute: the cap on all addresses asks for each mail.
CREATE TABLE acknowledged (
    minute INTEGER NOT NULL PRIMARY KEY,
    sent INTEGER NOT NULL
) STRICT;
INSERT INTO acknowledged (minute, sent) SELECT minute, count(*) FROM acknowledgement GROUP BY minute;
