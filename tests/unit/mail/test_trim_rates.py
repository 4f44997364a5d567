"""The rates over replies of all clients and languages; `python -m tests.support.replies` shows what is not read clean."""

from __future__ import annotations

from collections import Counter

from tests.support import replies


def test_rates() -> None:
    samples = list(replies.samples())[::7]  # a part of them: the script takes all
    verdicts = Counter(replies.judge(sample) for sample in samples)
    assert len(samples) > 700
    assert verdicts["lost"] == 0
    assert verdicts["clean"] >= 0.99 * len(samples)


def test_the_judge_sees_what_is_wrong() -> None:
    sample = replies.Sample("", "mine\n\nOn Fri, Jan 2, 2026 at 3:04 PM S <s@e.example> wrote:\n> theirs", "mine")
    assert replies.judge(sample) == "clean"
    assert replies.judge(replies.Sample("", sample.text, "mine and more")) == "lost"
    assert replies.judge(replies.Sample("", "mine\n\ntheirs", "mine")) == "left"
