"""The workspace's paths: names of the audited system never leave it, and never share a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.workspace import Workspace, workspace_at

WORKSPACE = Workspace(Path("/w"))


@pytest.mark.parametrize("name", ["orders", "orders-2", "a.b_c", "A"])
def test_a_plain_name_is_the_name_of_its_log(name: str) -> None:
    assert WORKSPACE.service_log(name) == Path(f"/w/logs/{name}.log")


@pytest.mark.parametrize("name", ["startup", "shutdown", "merged", "redis"])
def test_a_service_never_shares_a_log_with_the_session(name: str) -> None:
    assert WORKSPACE.service_log(name) != Path(f"/w/logs/{name}.log")


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/b", "a_b"), ("a/b", "a:b"), (".a", "a"), ("x" * 100, "x" * 101), ("", "_"), ("é", "è")],
)
def test_two_services_never_share_a_log(one: str, other: str) -> None:
    assert WORKSPACE.service_log(one) != WORKSPACE.service_log(other)


@pytest.mark.parametrize("root", ["/a/../w", "../w", "."])
def test_a_way_back_is_refused_below_the_root_alone(root: str) -> None:
    workspace = Workspace(Path(root))
    assert workspace.path("logs", "a.log") == Path(root) / "logs" / "a.log"
    for parts in (("..", "x"), ("logs/../../x",), ("/etc/passwd",)):
        with pytest.raises(ValueError, match="outside"):
            workspace.path(*parts)


def test_a_named_folder_is_the_one_behind_links_and_ways_back(tmp_path: Path) -> None:
    (tmp_path / "deep" / "w").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "w")
    assert workspace_at(tmp_path / "link" / ".." / "w").root == tmp_path / "deep" / "w"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert workspace_at(tmp_path / "loop").root == tmp_path / "loop"


@given(st.text(max_size=300))
def test_any_name_is_one_file_below_logs(name: str) -> None:
    path = WORKSPACE.service_log(name)
    assert path.parent == Path("/w/logs")
    assert len(path.name) < 150
    assert path.name.isascii()
