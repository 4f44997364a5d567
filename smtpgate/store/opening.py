"""Which store the configuration means, and opening it: the one place that knows both drivers.

Raises StoreError with a text for the admin.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from smtpgate.errors import StoreError, StoreFatal
from smtpgate.store.rawfiles import RawFiles
from smtpgate.store.verbs import VerbStore
from smtpgate.storesettings import Store as Settings


def place(settings: Settings) -> str:
    """Where the store is, for people. There is no password in it."""
    return settings.url or str(settings.path)


def node_name(settings: Settings) -> str:
    return settings.node or socket.gethostname()


def missing(settings: Settings) -> str:
    """Why there is nothing to open; "" for a file that is there, and for a database, which says so itself."""
    if settings.url is None and not settings.path.exists():
        return f"there is no store at {settings.path}; `smtpgate serve` makes it"
    return ""


async def open_store(
    settings: Settings,
    *,
    on_fatal: Callable[[StoreFatal], None] = lambda _: None,
    create: bool = True,
    read_only: bool = False,
) -> VerbStore:
    """Open it, make or migrate it if need be. on_fatal is called once, when nothing further can be trusted."""
    if settings.url is None:
        from smtpgate.store.sqlite import SqliteStore

        return await SqliteStore.open(
            settings.path, on_fatal=on_fatal, create=create, read_only=read_only, files=RawFiles.of(settings)
        )
    try:
        from smtpgate.store.postgres import PostgresStore
        from smtpgate.store.postgres_link import Server
    except ImportError as error:
        raise StoreError(f"store.url needs what the extra postgres brings: pip install 'smtpgate[postgres]' ({error})") from error
    server = Server(settings.url, settings.password_file, f"smtpgate {node_name(settings)}")
    return await PostgresStore.open(
        server,
        connections=settings.connections,
        on_fatal=on_fatal,
        create=create,
        read_only=read_only,
        files=RawFiles.of(settings),
    )
