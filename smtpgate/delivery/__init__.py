"""The outgoing queue: runner, route, pool, one attempt, what became of it, and when to try again."""
