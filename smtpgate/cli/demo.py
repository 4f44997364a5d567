"""`smtpgate demo`: a conversation played on a private port, with a private store, against a private sink."""

from __future__ import annotations

import click


@click.command()
def demo() -> None:
    """Play a conversation: two customers, a repeat, a forgery, an admin, two agents. Takes seconds, leaves nothing behind.

    \b
    Example: smtpgate demo
    """
    import asyncio

    from rich.console import Console

    from smtpgate import log
    from smtpgate.cli.demo_play import play
    from smtpgate.config import Log

    log.configure(Log(level="error"))
    asyncio.run(play(Console(highlight=False, soft_wrap=True)))
