"""The RFC 7208 test suite, each case one test. Skipped where the suite is not at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smtpgate.auth import spf
from smtpgate.auth.dns import Lookups, ZoneResolver
from smtpgate.clock import SystemClock

_FILE = Path(__file__).parents[4] / "shared" / "conformance" / "rfc7208.json"
_SUITE: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8")) if _FILE.exists() else {"cases": [], "zones": []}

# Cases that we answer otherwise, and why (docs/rfc.md says the same).
ALLOWED: dict[str, tuple[str, str]] = {}


def _zone(suite_zone: dict[str, list[Any]]) -> dict[str, Any]:
    """The suite's form of a zone as ours."""
    zone: dict[str, Any] = {}
    for name, entries in suite_zone.items():
        types: dict[str, Any] = {}
        for entry in entries:
            if entry == "TIMEOUT":
                types["*"] = "TIMEOUT"
            elif entry[0] == "MX":
                types.setdefault("MX", []).append(f"{entry[1][0]} {entry[1][1] or '.'}")
            else:
                types.setdefault(entry[0], []).append(entry[1])
        zone[name] = types
    return zone


@pytest.mark.skipif(not _SUITE["cases"], reason="the RFC 7208 suite is not at hand")
@pytest.mark.parametrize("case", _SUITE["cases"], ids=lambda case: case["id"])
async def test_rfc7208_suite(case: dict[str, Any]) -> None:
    lookups = Lookups(ZoneResolver(_zone(_SUITE["zones"][case["zone"]])), SystemClock(), deadline=10, limit=spf.QUESTIONS)
    result = await spf.check(
        lookups, ip=case["ip"], helo=case["helo"], mail_from=case["mailfrom"] or None, receiver="receiver.example"
    )
    if case["id"] in ALLOWED:
        assert result.result == ALLOWED[case["id"]][0]
        return
    assert result.result in case["result"], result
    if case["explanation"] not in (None, "DEFAULT") and result.result == "fail":
        assert result.reason == case["explanation"]
