"""The built wheel, installed elsewhere, works without the source tree: command, templates, SQL, configurations, licence."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("wheel")  # built once
WORK = """
import asyncio, sys
from importlib.resources import files
from pathlib import Path
import smtpgate
from smtpgate.mail.compose import Templates, built_in_directory
from smtpgate.store.sqlite import SqliteStore

here = Path(sys.argv[1])
assert Path(smtpgate.__file__).is_relative_to(here), smtpgate.__file__
assert built_in_directory().is_relative_to(here), built_in_directory()
assert Templates(None).check() == []
assert files("smtpgate").joinpath("tryout.toml").is_file()
assert files("smtpgate").joinpath("config.example.toml").is_file()
assert files("smtpgate").joinpath("py.typed").is_file()


async def store() -> None:
    store = await SqliteStore.open(Path("made/by/the/wheel.db"))
    print(sorted(await store.counts()))
    await store.close()


asyncio.run(store())
"""


def run(*command: object, cwd: Path, path: Path | None = None) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k != "SMTPGATE_CONFIG"}
    if path is not None:
        env["PYTHONPATH"] = str(path)
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, cwd=ROOT)
    (made,) = out.glob("smtpgate-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "install", "--no-deps", "--no-index", "--no-compile", "--target", target, wheel, cwd=target)
    return target


def test_what_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    source = {str(p.relative_to(ROOT)) for p in (ROOT / "smtpgate").rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    templates = {"smtpgate/" + str(p.relative_to(ROOT)) for p in (ROOT / "templates").rglob("*") if p.is_file()}
    units = {f"smtpgate/systemd/{p.name}" for p in (ROOT / "systemd").iterdir()}
    assert source | templates | units | {"smtpgate/config.example.toml"} <= names
    assert [n for n in names if n.endswith("/licenses/LICENSE")]
    assert {n.split("/")[0] for n in names if ".dist-info" not in n} == {"smtpgate"}


def test_the_command_runs_from_it(installed: Path, tmp_path: Path) -> None:
    command = installed / "bin" / "smtpgate"
    assert run(command, "--version", cwd=tmp_path, path=installed).startswith("smtpgate ")
    example = installed / "smtpgate" / "config.example.toml"
    assert "good; 1 desk" in run(command, "check-config", example, cwd=tmp_path, path=installed)


def test_templates_and_sql_load_from_it(installed: Path, tmp_path: Path) -> None:
    assert "mail.accepted" in run(sys.executable, "-c", WORK, installed, cwd=tmp_path, path=installed)
    assert (tmp_path / "made" / "by" / "the" / "wheel.db").is_file()
