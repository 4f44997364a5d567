"""public-inbox of both versions, made by git itself."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from smtpgate.archive.search import Found, search

NOW = 1_790_000_000.0


def git(repository: Path, *arguments: str, content: bytes = b"") -> str:
    done = subprocess.run(
        ["git", f"--git-dir={repository}", "-c", "user.name=a", "-c", "user.email=a@b.example", *arguments],
        input=content,
        capture_output=True,
        check=True,
        env={**os.environ, "GIT_COMMITTER_DATE": "1700000000 +0000", "GIT_AUTHOR_DATE": "1600000000 +0000"},
    )
    return done.stdout.decode().strip()


def mail(name: str, date: str = "Fri, 2 Jan 2026 10:00:00 +0000") -> bytes:
    return f"From: a@b.example\nSubject: {name}\nMessage-ID: <{name}@b.example>\nDate: {date}\n\n{name}\n".encode()


def commit(repository: Path, tree: str, message: str) -> str:
    """tree: what mktree reads."""
    if not repository.exists():
        git(repository, "init", "--bare", "-q")
    tree = git(repository, "mktree", content=tree.encode())
    try:
        parent = ["-p", git(repository, "rev-parse", "-q", "--verify", "HEAD")]
    except subprocess.CalledProcessError:
        parent = []
    made = git(repository, "commit-tree", tree, *parent, "-m", message)
    git(repository, "update-ref", git(repository, "symbolic-ref", "HEAD"), made)
    return made


def blob(repository: Path, content: bytes) -> str:
    if not repository.exists():
        git(repository, "init", "--bare", "-q")
    return git(repository, "hash-object", "-w", "--stdin", content=content)


def v2(repository: Path, name: str, content: bytes) -> str:
    oid = blob(repository, content)
    commit(repository, f"100644 blob {oid}\t{name}\n", name)
    return oid


def contents(found: Found) -> list[bytes]:
    read = [box.read(i).splitlines()[-1] for box in found.boxes for i in range(len(box.times))]
    found.close()
    return read


def look(path: Path) -> Found:
    return search([path], now=NOW, step=lambda _: None)


def test_epochs_in_their_order_without_what_was_deleted(tmp_path: Path) -> None:
    epochs = [tmp_path / "list" / "git" / f"{i}.git" for i in (0, 1, 10)]
    epochs[0].parent.mkdir(parents=True)
    first = v2(epochs[0], "m", mail("one"))
    v2(epochs[0], "m", mail("spam"))
    v2(epochs[0], "m", mail("late spam"))
    v2(epochs[0], "d", mail("spam"))
    v2(epochs[1], "m", mail("two", "nonsense"))
    v2(epochs[2], "m", mail("ten"))
    v2(epochs[2], "d", mail("late spam"))
    v2(epochs[2], "m", mail("late spam"))  # and put back
    (tmp_path / "list" / "inbox.lock").touch()
    git(tmp_path / "list" / "all.git", "init", "--bare", "-q")
    found = look(tmp_path / "list")
    box = found.boxes[1]
    assert box.source(0) == f"{tmp_path / 'list'}#{first}"
    assert (box.times[0], box.times[1]) == (1_767_348_000, 1_700_000_000)
    assert contents(found) == [b"one", b"two", b"ten", b"late spam"]
    assert found.unreadable == []
    assert contents(look(tmp_path / "list" / "all.git")) == [b"one", b"two", b"ten", b"late spam"]
    assert contents(look(epochs[1])) == [b"two"]
    assert contents(look(tmp_path)) == [b"one", b"two", b"ten", b"late spam"]


def test_a_tree_of_mails(tmp_path: Path) -> None:
    repository = tmp_path / "v1.git"
    lines = ""
    for name in ("one", "two"):
        path = hashlib.sha1(f"{name}@b.example".encode()).hexdigest()
        inner = git(repository, "mktree", content=f"100644 blob {blob(repository, mail(name))}\t{path[2:]}\n".encode())
        lines += f"040000 tree {inner}\t{path[:2]}\n"
    commit(repository, lines, "mail")
    assert sorted(contents(look(repository))) == [b"one", b"two"]


def test_a_folder_of_mails_that_lies_in_somebodys_git_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail("one"))
    v2(tmp_path / ".git", "readme", b"x")
    assert contents(look(tmp_path)) == [b"one"]


def test_without_git_it_says_so(tmp_path: Path) -> None:
    v2(tmp_path / "0.git", "m", mail("one"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        found = look(tmp_path / "0.git")
    assert "install git" in found.unreadable[0].reason


def test_an_empty_or_broken_repository_is_told_in_gits_words(tmp_path: Path) -> None:
    git(tmp_path / "0.git", "init", "--bare", "-q")
    found = look(tmp_path / "0.git")
    assert found.unreadable[0].reason.startswith("git: ")
