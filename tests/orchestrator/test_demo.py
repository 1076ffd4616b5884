"""The bundled example: copied where it may run, on ports that are free."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from orchestrator import demo
from orchestrator.config.load import load
from orchestrator.config.mode import address_of
from tools.errors import UsageError


def any_port(_host: str, _port: int) -> bool:
    return True


def prepared(profile: str, state: Path, taken: frozenset[int] = frozenset()) -> Path:
    return demo.prepare(demo.folder(profile, state), lambda _host, port: port not in taken)


def port_of(file: Path) -> int:
    url = load(project=None, config_file=file, environ={}, flags={}, cwd=file.parent).config.redis.url
    assert url is not None
    return address_of(url.get_secret_value()).port


@pytest.mark.parametrize("profile", demo.PROFILES)
def test_a_profile_is_copied_with_a_configuration_that_loads(tmp_path: Path, profile: str) -> None:
    file = prepared(profile, tmp_path)
    config = load(project=None, config_file=file, environ={}, flags={}, cwd=tmp_path).config
    assert config.project.root == file.parent
    assert config.redis.start == "embedded"
    assert len(config.services.expected) == 7
    for source in file.parent.rglob("*.py"):
        ast.parse(source.read_text(encoding="utf-8"))
    assert not list(file.parent.rglob("*.absent"))
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_another_port_is_taken_where_its_own_is_busy(tmp_path: Path) -> None:
    own = port_of(prepared("faulty", tmp_path))
    other = port_of(prepared("faulty", tmp_path, frozenset({own})))
    assert other != own


def test_another_port_is_taken_where_a_service_would_not_find_its_own(tmp_path: Path) -> None:
    file = prepared("faulty", tmp_path)
    config = load(project=None, config_file=file, environ={}, flags={}, cwd=tmp_path).config
    ports = frozenset(spec.port for spec in config.services.list if spec.port is not None)
    assert ports
    assert port_of(prepared("faulty", tmp_path, ports)) != port_of(prepared("faulty", tmp_path))


def test_a_copy_from_before_is_replaced(tmp_path: Path) -> None:
    file = prepared("faulty", tmp_path)
    (file.parent / "left.txt").touch()
    prepared("faulty", tmp_path)
    assert not (file.parent / "left.txt").exists()


def test_a_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "demo" / "faulty" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.touch()
    with pytest.raises(UsageError, match="holds something else"):
        prepared("faulty", tmp_path)
    assert mine.exists()


def test_an_unknown_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="faulty or healthy"):
        demo.folder("../../etc", tmp_path)
