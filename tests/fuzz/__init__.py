"""Fuzzing: every parser on input that nobody meant to write. `python -m tests.fuzz --list`; docs/fuzz.md has the figures."""
