"""Settings of the store. Pure data, as in config.py."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from smtpgate.settingtypes import Bytes, Database, File, Node, Seconds, Section


class Store(Section):
    """Where everything lies."""

    path: File = Field(
        default=Path("var/smtpgate.db"),
        description="The SQLite file. Its directory must be ours alone. With url only the small files of this node lie beside it:"
        " lock, state for status.",
    )
    url: Database | None = Field(
        default=None,
        description="A PostgreSQL database (15 or later) instead of the file; several gateways may share it. Hosts may be several:"
        " postgresql://smtpgate@db1,db2/smtpgate?sslmode=verify-full. Needs the extra: pip install smtpgate[postgres].",
    )
    password_file: File | None = Field(
        default=None,
        description="File with the password for url (a systemd credential, mode 0600). It is read at each connection.",
    )
    node: Node | None = Field(
        default=None,
        description="The name of this gateway among those that share url; no two may have the same. Unset: the name of the host.",
    )
    connections: int = Field(
        default=8, ge=4, le=100, description="Connections to url, at most: two write, one listens, the others read."
    )
    files: File | None = Field(
        default=None,
        description="The directory for large raw mail. Unset: beside path, as its name with .files; with url: none, all mail is"
        " whole in the database. With url it must be one that all gateways share.",
    )
    files_from: Bytes = Field(
        default=256 * 1024, ge=4096, description="Raw mail of this size or more gets a file of its own; smaller is in the table."
    )
    cold: File | None = Field(
        default=None,
        description="The directory for old raw mail, on a slower disk or a mounted object store; it must be there. smtpgate"
        " maintain moves what is older than cold_after to it.",
    )
    cold_after: Seconds | None = Field(default=None, ge=86400, description="The age at which raw mail moves to cold. Unset: never.")
