"""Which session and which server the MCP server asks: the workspace's, and none that a folder alone names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs
from pydantic import SecretStr

from orchestrator.config.model import Config, ProjectSection, RedisSection
from orchestrator.mcp_server.place import SessionPlace, Settings
from tests.e2e.audits import environment
from tests.report import made_session
from tools.clock import SystemClock
from tools.errors import FunctionRefused, UsageError
from tools.functions.calling import call
from tools.sources import session_facts

PLAIN = Config()
OURS = Config(redis=RedisSection(url=SecretStr("redis://user:secret@db.example:6391/0")))


def broken() -> Config:
    raise UsageError("streamgauge.toml cannot be read.")


def place(folder: Path, config: Callable[[], Config] = lambda: PLAIN) -> SessionPlace:
    settings = Settings(folder / "monitor-session", folder / ".state", config, SystemClock())
    return SessionPlace(settings)


@pytest.mark.parametrize(
    ("named", "config", "asked"),
    [
        pytest.param("db.example:6391", lambda: OURS, "db.example", id="the configuration's"),
        pytest.param("127.0.0.1:6391", lambda: PLAIN, "127.0.0.1", id="on this machine"),
        pytest.param(
            "127.0.0.1:6391", lambda: OURS, "127.0.0.1", id="on this machine, another configuration"
        ),
        pytest.param("db.example:6391", lambda: PLAIN, None, id="elsewhere, by the folder's word alone"),
        pytest.param("db.example:6392", lambda: OURS, None, id="another port than the configuration's"),
        pytest.param("a@b:c\n d", lambda: PLAIN, None, id="no address"),
        pytest.param(None, lambda: OURS, None, id="a session without a server"),
        pytest.param("db.example:6391", broken, None, id="a configuration that cannot be read"),
    ],
)
def test_a_server_is_asked_that_the_configuration_names_or_that_is_ours(
    tmp_path: Path, named: str | None, config: Callable[[], Config], asked: str | None
) -> None:
    made = made_session.make(tmp_path)
    facts = session_facts.read(made.workspace)
    session_facts.write(made.workspace, structs.replace(facts, redis=named))
    redis = place(tmp_path, config).current().desk.redis
    if asked is None:
        assert redis is None
    else:
        assert redis is not None
        assert asked in redis.what
        assert "secret" not in redis.what


@pytest.mark.parametrize(
    ("root", "configured", "is_read"),
    [
        ("shop", None, True),
        ("..", None, False),
        ("/etc", None, False),
        ("/etc", "/etc", True),
        ("shop/../../..", None, False),
        ("a\0b", None, False),
    ],
)
def test_no_folder_makes_another_project_read(
    tmp_path: Path, root: str, configured: str | None, is_read: bool
) -> None:
    made = made_session.make(tmp_path)
    facts = session_facts.read(made.workspace)
    session_facts.write(made.workspace, structs.replace(facts, project_root=str(tmp_path / root)))
    config = Config(project=ProjectSection(root=Path(configured or tmp_path / "shop")))
    asked = place(tmp_path, lambda: config)
    if is_read:
        assert asked.current().desk.project_root == tmp_path / root
    else:
        with pytest.raises(FunctionRefused, match="is not the project here"):
            asked.current()


def test_another_session_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    made = made_session.make(tmp_path)
    asked = place(tmp_path)
    first = asked.current()
    assert asked.current() is first
    shutil.move(made.workspace.root, tmp_path / "old")
    with pytest.raises(FunctionRefused, match="holds no session yet"):
        asked.current()
    shutil.rmtree(made.project)
    made_session.make(tmp_path)
    second = asked.current()
    assert second is not first
    assert call("findings_list", {}, second.desk).ok


def test_without_the_package_one_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['mcp'] = None; sys.argv = ['streamgauge', 'mcp']; "
    code += "from orchestrator.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "streamgauge[mcp]" in done.stderr
    assert "Traceback" not in done.stderr
