"""tests/badconfig: every file there must be refused, with exactly the problems listed beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpgate import configfile
from smtpgate.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "badconfig"
FILES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_refused_with_every_problem_at_once(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        configfile.load(file)
    told = str(caught.value).replace(str(file), file.name).replace(str(FOLDER), "HERE")
    assert told.splitlines() == file.with_suffix(".expected").read_text(encoding="utf-8").splitlines()


def test_the_folder_is_there_and_nothing_in_it_is_left_over() -> None:
    assert len(FILES) >= 14
    assert {f.stem for f in FILES} == {f.stem for f in FOLDER.glob("*.expected")}
