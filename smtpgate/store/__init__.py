"""Everything that lasts. Verbs to the outside (api), each written once as a generator of statements, run by a driver (sqlite)."""
