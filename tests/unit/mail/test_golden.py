"""Golden mails: each folder of tests/messages holds in.eml, what must be read from it, and why it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from smtpgate.limitsettings import Limits
from smtpgate.mail import parse, trim
from smtpgate.model import ParsedMail

MESSAGES = Path(__file__).resolve().parents[2] / "messages"
FOLDERS = sorted(p.parent for p in MESSAGES.glob("*/in.eml"))
ADAPTER: TypeAdapter[ParsedMail] = TypeAdapter(ParsedMail)


def as_dict(mail: ParsedMail) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ADAPTER.dump_json(mail))
    found["from"] = found.pop("from_")
    return found


def assert_within(expected: Any, found: Any, where: str) -> None:
    """Every key that is expected is there with its value; lists have the same length."""
    if isinstance(expected, dict) and found is not None:
        for key, value in expected.items():
            assert_within(value, found[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(expected) == len(found), f"{where}: {found}"
        for i, (one, other) in enumerate(zip(expected, found, strict=True)):
            assert_within(one, other, f"{where}[{i}]")
    else:
        assert found == expected, where


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_mail_reads_as_expected(folder: Path) -> None:
    assert (folder / "README").read_text().strip()
    expected = json.loads((folder / "expect.json").read_text())
    mail = parse.parse((folder / "in.eml").read_bytes(), mail_from="", limits=Limits())
    assert_within(expected, as_dict(mail), folder.name)


def test_there_are_many() -> None:
    assert len(FOLDERS) >= 25


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_result_survives_the_way_through_the_worker(folder: Path) -> None:
    mail = parse.parse((folder / "in.eml").read_bytes(), mail_from="", limits=Limits())
    assert ADAPTER.validate_json(ADAPTER.dump_json(mail)) == mail


def test_the_roles_that_an_answer_brings_along_are_those_of_its_text() -> None:
    brought = 0
    for folder in FOLDERS:
        mail = parse.parse((folder / "in.eml").read_bytes(), mail_from="", limits=Limits())
        anew = trim.split(mail.text, subject=mail.subject)
        assert trim.split_before(mail.text, "", -1, subject=mail.subject) == anew, folder.name
        assert trim.split_before(mail.text, "o", 7, subject=mail.subject) == anew, folder.name  # from a parser that lies
        if mail.roles:
            assert trim.split_before(mail.text, mail.roles, mail.tail, subject=mail.subject) == anew, folder.name
            brought += 1
    assert brought >= 3
