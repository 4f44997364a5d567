"""Open files: tried in a child process, whose limits are its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource
from smtpgate.service.files import make_room
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
make_room({connections})
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "after", "told"),
    [(300, 3000, 44, 300, False), (300, 3000, 45, 301, False), (300, 3000, 2744, 3000, False), (300, 3000, 2745, 3000, True)],
)
def test_the_soft_limit_follows_the_connections(soft: int, hard: int, connections: int, after: int, told: bool) -> None:
    script = SCRIPT.format(soft=soft, hard=hard, connections=connections)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(after)
    assert ("LimitNOFILE=" in done.stdout + done.stderr) == told
