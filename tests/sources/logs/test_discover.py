"""Which files are followed, and whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.job import LogSource
from tools.sources.logs.discover import find, service_of


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("orders.log", "orders"), ("orders-2025-06-01.log", "orders"), ("orders.log.20250601", "orders"),
        ("orders-error.log", "orders"), ("orders-out.log", "orders"), ("orders-api.log", "orders-api"),
        ("orders.json.log", "orders"), ("2025-06-01.log", "2025-06-01"), ("error.log", "error"),
    ],
)  # fmt: skip
def test_the_service_is_the_stem_without_date_and_output(name: str, service: str) -> None:
    assert service_of(Path(name)) == service


def test_older_generations_are_not_followed_on_their_own(tmp_path: Path) -> None:
    for name in ("a.log", "a.log.1", "a.log.2.gz", "b.log.1", "c-2025-06-01.log", "c-2025-06-02.log"):
        (tmp_path / name).touch()
    (tmp_path / "folder.log").mkdir()
    found = find([LogSource(service="*", path="*.log*")], tmp_path)
    assert [(file.path.name, file.service) for file in found] == [
        ("a.log", "a"),
        ("b.log.1", "b.log.1"),
        ("c-2025-06-01.log", "c"),
        ("c-2025-06-02.log", "c"),
    ]


def test_a_plain_path_is_followed_before_it_exists_and_each_file_once(tmp_path: Path) -> None:
    sources = [
        LogSource(service="a", path="a.log"),
        LogSource(service="*", path="*.log"),
        LogSource(service="d", docker="d"),
    ]
    (tmp_path / "b.log").touch()
    found = find(sources, tmp_path)
    assert [(file.path.name, file.service) for file in found] == [("a.log", "a"), ("b.log", "b")]
