"""The short form of the evaluation: nothing missed, nobody misjudged, every recipient exact."""

from __future__ import annotations

from tests.evaluation import kinds


def test_kinds_are_told_apart_and_bounced_recipients_are_found() -> None:
    score = kinds.evaluate(every=7)
    print(score.lines())
    assert score.humans >= 60
    assert score.bounces >= 100
    assert not score.wrong
