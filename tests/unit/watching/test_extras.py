"""Watching is asked for and its library is not there: said when the configuration is read, by whichever command."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from smtpgate import configfile
from smtpgate.errors import ConfigError
from tests.support.gateway import Gateway


def test_an_extra_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Gateway.make(tmp_path, watch={"listen": ["127.0.0.1:9464"], "traces": "http://127.0.0.1:4318/v1/traces"})
    assert configfile.load(made.config).watch.listen == ["127.0.0.1:9464"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError) as told:
        configfile.load(made.config)
    assert [(problem.key, problem.mend) for problem in told.value.problems] == [
        ("watch.listen", "pip install smtpgate[web]"),
        ("watch.traces", "pip install smtpgate[traces]"),
    ]
