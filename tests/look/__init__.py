"""Looks at our mail in a real browser."""
