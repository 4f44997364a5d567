"""docs/rfc.md lists every RFC that the code cites."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_rfc_that_the_code_cites_is_listed() -> None:
    listed = set(re.findall(r"\b\d{3,5}\b", " ".join(re.findall(r"^\| ([\d, ]+) \|", (ROOT / "docs/rfc.md").read_text(), re.M))))
    cited = {
        (number, str(path.relative_to(ROOT)))
        for path in (ROOT / "smtpgate").rglob("*.py")
        for number in re.findall(r"RFC (\d{3,5})", path.read_text())
    }
    assert len(cited) > 50
    assert {f"RFC {number} in {path}" for number, path in cited if number not in listed} == set()


def test_every_state_of_a_row_is_explained() -> None:
    from smtpgate.model import DeliveryState, MailState

    text = (ROOT / "docs/internals.md").read_text()
    incoming, outgoing = text.split("## One recipient of an outgoing mail")
    for states, part in ((MailState, incoming), (DeliveryState, outgoing)):
        rows = set(re.findall(r"^\| `([a-z]+)` \|", part, re.M))
        assert rows == {state.value for state in states}


def test_the_table_of_rights_in_the_docs_has_every_row_of_the_code() -> None:
    text = (ROOT / "docs/flow.md").read_text()
    for words in ("trusted network", "aligned DKIM", "SPF alone", "publishes no DMARC", "no evidence", "DMARC fail", "no From"):
        assert re.search(rf"^\| .*{words}", text, re.M), words
