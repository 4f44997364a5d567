"""The gateway in two processes: this one has the store and everything that uses it, a child has the doors."""
