"""The demo plays to its end, both acts, and says what it shows."""

from __future__ import annotations

import sys

from tests.support import zygote


def test_the_demo_plays_to_its_end() -> None:
    done = zygote.run([sys.executable, "-m", "smtpgate", "demo"], timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "held for an agent; nobody was answered",
        "The status mail that the first customer gets",
        'From: "Lee (Example Support)" <support@help.example>',
        "A note from a colleague",
        "#reslove: there is no such command. Did you mean #resolve?",
        "We believe that this is solved.",
        "delivery.delivered: 10",  # nobody was told of the thanks
        "Nothing is left behind.",
    ):
        assert words in done.stdout, done.stdout
