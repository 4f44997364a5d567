CREATE INDEX ticket_assignee ON ticket (assignee, desk, status, id) WHERE status IN ('received', 'progress', 'waiting');
