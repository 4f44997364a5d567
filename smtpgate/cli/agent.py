"""`smtpgate agent`: passwords for the submission listener. The password is asked for, and never shown, logged or kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from smtpgate.cli import show
from smtpgate.cli.common import Context, json_option, pass_context
from smtpgate.errors import UsageError


@click.group()
def agent() -> None:
    """Look after the agents' logins at the submission listener."""


@agent.command(short_help="Set an agent's password, or print its hash.")
@click.argument("address")
@click.option("--print", "printed", is_flag=True, help="Print the line, also when submission.passwords names a file.")
@click.option("--remove", is_flag=True, help="Take the agent's line out of the file.")
@json_option
@pass_context
def password(context: Context, address: str, printed: bool, remove: bool, as_json: bool) -> None:
    """Set an agent's password: asked for twice, kept as an Argon2id hash in the file of submission.passwords.

    Without such a file the hash is printed, for password_hash in [[agent]]. From a pipe one line is read. A running gateway
    takes it in with `smtpgate reload`.

    \b
    Examples: smtpgate agent password lee@example.com
              pass show smtpgate/lee | smtpgate agent password lee@example.com
    """
    from smtpgate import passwords

    config = context.config(read_files=False)
    found = config.agent_address(address)
    if not found and not remove:
        raise UsageError(f"{address} is in no desk's agents; name it in `agents` of a [[desk]] first")
    file = config.submission.passwords
    if remove:
        if file is None:
            raise UsageError("submission.passwords names no file; take password_hash out of the agent's table")
        if not _written(file, found or address, None):
            raise UsageError(f"{file} has no line for {address}")
        _tell(f"{file}: {address} can log in no more; smtpgate reload lets a running gateway know", as_json, address, file)
        return
    hash_ = passwords.hashed(_asked(found))
    if printed or file is None:
        _tell(f"{found} {hash_}" if file is not None else f'password_hash = "{hash_}"', as_json, found, None, hash_)
        return
    _written(file, found, hash_)
    _tell(f"{file}: {found} can log in; smtpgate reload lets a running gateway know", as_json, found, file)


def _tell(text: str, as_json: bool, address: str, file: Path | None, hash_: str | None = None) -> None:
    if as_json:
        show.as_line({"address": address, "file": None if file is None else str(file), "hash": hash_})
    else:
        click.echo(text)


def _asked(address: str) -> str:
    from smtpgate import passwords

    if sys.stdin.isatty():
        said = str(click.prompt(f"Password of {address}", hide_input=True, confirmation_prompt="The same again"))
    else:
        said = sys.stdin.readline(passwords.LONGEST + 2).rstrip("\r\n")
    if len(said) < passwords.SHORTEST:
        raise UsageError(f"a password has at least {passwords.SHORTEST} characters")
    if passwords.octets(said) is None:
        raise UsageError(f"a password has at most {passwords.LONGEST} octets and no NUL")
    return said


def _written(file: Path, address: str, hash_: str | None) -> bool:
    """Whole or not at all, mode 0600, the other lines and the owner as they are. Raises OSError. Was the address there before?"""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    kept = [line for line in lines if not _of(line, address)]
    if hash_ is None and len(kept) == len(lines):
        return False
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in (*kept, *([f"{address} {hash_}"] if hash_ else [])))
            out.flush()
            os.fsync(out.fileno())
        owner = (file if file.exists() else file.parent).stat()  # what root makes there is for the gateway to read
        if os.geteuid() == 0 or (file.exists() and owner.st_uid != os.geteuid()):
            os.chown(fresh, owner.st_uid, owner.st_gid)
        fresh.replace(file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return len(kept) != len(lines)


def _of(line: str, address: str) -> bool:
    words = line.split()
    return bool(words) and words[0].lower() == address.lower()
