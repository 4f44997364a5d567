"""One test for each cell of the table in docs/flow.md, written out by hand so that the code cannot agree with itself."""

from __future__ import annotations

import pytest

from smtpgate.config import Policy
from smtpgate.model import ArcResult, DmarcResult, Evidence, SpfResult, Verdict
from smtpgate.rules.policy import Door, at_the_door
from smtpgate.rules.rights import Acknowledging, Acting, Joining, Opening, Rights, rights

CELLS = {
    # evidence          opens         acknowledged  joins         acts
    "trusted": ("yes", "yes", "yes", "yes"),
    "dmarc-dkim": ("yes", "yes", "yes", "yes"),
    "dmarc-spf": ("yes", "yes", "weak", "confirm"),
    "domain": ("yes", "yes", "with-token", "confirm"),
    "none": ("unverified", "notice", "with-token", "confirm"),
    "temperror": ("unverified", "notice", "with-token", "confirm"),
    "imported": ("yes", "no", "yes", "never"),
    "fail": ("held", "no", "held", "alert"),
    "ambiguous": ("held", "no", "held", "alert"),
}


@pytest.mark.parametrize("column", ["opens", "acknowledged", "joins", "acts"])
@pytest.mark.parametrize("evidence", list(CELLS))
def test_cell(evidence: str, column: str) -> None:
    row = rights(Evidence(evidence), machine=False)
    wanted = CELLS[evidence][["opens", "acknowledged", "joins", "acts"].index(column)]
    assert getattr(row, column).value == wanted


def test_the_table_has_a_row_for_each_evidence() -> None:
    assert set(CELLS) == {e.value for e in Evidence}


@pytest.mark.parametrize("evidence", list(Evidence))
def test_a_machine_never_opens_is_never_answered_and_never_acts(evidence: Evidence) -> None:
    for released in (False, True):
        assert rights(evidence, machine=True, released=released) == Rights(
            Opening.NEVER, Acknowledging.NO, Joining.NOTE, Acting.NEVER
        )


@pytest.mark.parametrize("evidence", list(Evidence))
def test_what_an_agent_releases_has_full_rights(evidence: Evidence) -> None:
    assert rights(evidence, machine=False, released=True).opens is Opening.YES


def verdict(evidence: Evidence, policy: str = "none") -> Verdict:
    return Verdict(evidence, "a@example.org", SpfResult("none"), (), DmarcResult("fail", policy), ArcResult())


def test_a_dmarc_failure_is_accepted_and_held_by_default_even_under_p_reject() -> None:
    assert at_the_door(verdict(Evidence.FAIL, "reject"), Policy(), exempt=False)[0] is Door.ACCEPT


def test_p_reject_is_refused_when_the_admin_says_so() -> None:
    policy = Policy(dmarc_fail="refuse")
    assert at_the_door(verdict(Evidence.FAIL, "reject"), policy, exempt=False)[0] is Door.REFUSE
    assert at_the_door(verdict(Evidence.FAIL, "quarantine"), policy, exempt=False)[0] is Door.ACCEPT
    assert at_the_door(verdict(Evidence.NONE, "reject"), policy, exempt=False)[0] is Door.ACCEPT


def test_role_addresses_and_returned_mail_always_get_through() -> None:
    policy = Policy(dmarc_fail="refuse", temperror="defer")
    assert at_the_door(verdict(Evidence.FAIL, "reject"), policy, exempt=True)[0] is Door.ACCEPT
    assert at_the_door(verdict(Evidence.TEMPERROR), policy, exempt=True)[0] is Door.ACCEPT


def test_dns_trouble_defers_only_when_the_admin_says_so() -> None:
    assert at_the_door(verdict(Evidence.TEMPERROR), Policy(), exempt=False)[0] is Door.ACCEPT
    assert at_the_door(verdict(Evidence.TEMPERROR), Policy(temperror="defer"), exempt=False)[0] is Door.DEFER
