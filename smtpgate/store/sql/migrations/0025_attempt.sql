CREATE INDEX attempt_undelivered ON attempt (id) WHERE state <> 'delivered';
