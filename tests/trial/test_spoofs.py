"""The short form of spoofs.py."""

from __future__ import annotations

from tests.trial import spoofs


async def test_nothing_in_an_agents_name_is_relayed_without_both_proofs() -> None:
    told = await spoofs.run(250, seed=9)
    assert told["kept"] > 150
    assert told["relayed, as it may be"] > 0  # the rule is not kept by relaying nothing
    assert told["answered with a list"] > 0
    assert told["moved, split or blocked"] > 0
    assert told["another customer"] > 0
    assert told["decided over held mail"] > 1
