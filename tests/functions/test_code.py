"""Functions about code and configuration: confined to the project, masked, and no oracle for secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.functions.desks import SECRET, good, pages, refused
from tests.functions.scene import KEY_BODY, PASSWORD, Scene, make


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make(tmp_path)


def test_a_file_is_read_by_lines_and_pages(scene: Scene) -> None:
    (scene.project / "long.py").write_text(
        "".join(f"line {number}\n" for number in range(1, 301)), encoding="utf-8"
    )
    found = pages("code_file", scene.desk, path="long.py", limit=90)
    assert [one["line"] for one in found] == list(range(1, 301))
    assert found[299]["text"] == "line 300"
    assert good("code_file", scene.desk, path="long.py", line=299).data["items"][0]["text"] == "line 299"
    assert good("code_file", scene.desk, path="long.py", line=999).data["items"] == []
    wide = good("code_file", scene.desk, path="web/wide.txt").data["items"]
    assert [(len(one["text"]), one.get("cut")) for one in wide] == [(600, 2400), (5, None)]


@pytest.mark.parametrize("line", [1, 2, 4])
def test_secrets_of_a_file_are_masked_from_whichever_line_it_is_read(scene: Scene, line: int) -> None:
    assert SECRET not in good("code_file", scene.desk, path=".env", line=line).text
    assert PASSWORD not in good("code_file", scene.desk, path=".env", line=line).text
    key = good("code_file", scene.desk, path="deploy/signing.txt", line=line)
    assert KEY_BODY not in key.text
    assert key.data["items"][-1]["text"] == "after"


OUTSIDE = "out of the project", "is no path inside", "There is no file", "tools make or fetch", "keys or passwords", "is no file", "cannot be read"  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../outside.txt", "web/../../outside.txt", "~/x", "link-out", "folder-out/secret.txt", "loop",
        "pipe", "web", ".", "", "a\0b", "x" * 999, ".git/config", "node_modules/x.js", "deploy/server.key",
        "link-to-key", "link-to-git", "web/main.py/x", "./../outside.txt", "device",
    ],
)  # fmt: skip
def test_what_is_no_file_of_the_project_is_not_read(scene: Scene, path: str) -> None:
    project = scene.project
    (project.parent / "outside.txt").write_text("outside\n", encoding="utf-8")
    (project.parent / "far").mkdir()
    (project.parent / "far" / "secret.txt").write_text("outside\n", encoding="utf-8")
    (project / "link-out").symlink_to("../outside.txt")
    (project / "folder-out").symlink_to("../far")
    (project / "loop").symlink_to("loop")
    (project / "device").symlink_to("/dev/zero")
    os.mkfifo(project / "pipe")
    (project / "node_modules").mkdir()
    (project / "node_modules" / "x.js").write_text("x", encoding="utf-8")
    (project / "link-to-key").symlink_to("deploy/server.key")
    (project / "link-to-git").symlink_to(".git/config")
    said = refused("code_file", scene.desk, path=path)
    assert any(part in said for part in OUTSIDE) or "Argument 'path'" in said
    for one in pages("code_search", scene.desk, pattern="outside|of its own|repositoryformat"):
        raise AssertionError(f"found {one}")


def test_a_link_that_stays_inside_is_followed(scene: Scene) -> None:
    (scene.project / "inside.py").symlink_to("web/main.py")
    assert "xadd" in good("code_file", scene.desk, path="inside.py").text


def test_a_binary_and_a_huge_file_are_refused(scene: Scene) -> None:
    (scene.project / "a.bin").write_bytes(b"\0\1\2")
    (scene.project / "huge.txt").write_bytes(b"x\n" * 600_000)
    assert "is no text file" in refused("code_file", scene.desk, path="a.bin")
    assert "is larger than" in refused("code_file", scene.desk, path="huge.txt")


def test_a_search_gives_places_in_order_and_pages(scene: Scene) -> None:
    found = pages("code_search", scene.desk, pattern="^import", limit=1)
    assert [(one["path"], one["line"]) for one in found] == [
        ("audit/main.py", 1),
        ("web/main.py", 1),
        ("web/settings.py", 1),
    ]
    assert [one["path"] for one in pages("code_search", scene.desk, text="xadd", path="web/*")] == [
        "web/main.py"
    ]
    (scene.project / "audit" / "main.py").unlink()
    first = refused("code_search", scene.desk, pattern="^import", page="1:audit/main.py")
    assert "is gone" in first
    assert "Give 'text' or 'pattern'" in refused("code_search", scene.desk)


@pytest.mark.parametrize("guess", [SECRET[:6], SECRET, PASSWORD[:7], KEY_BODY[:10]])
def test_a_search_is_no_oracle_for_secrets(scene: Scene, guess: str) -> None:
    """Whether a pattern that would match a secret is right must not show in what is found."""
    wrong = "".join(chr(ord(char) + 1) if char.isalnum() and char not in "9zZ" else char for char in guess)
    for shape in ("{}", "API_TOKEN=({}|)", "({}|\\[masked)", "PASSWORD: {}.*"):
        right = good("code_search", scene.desk, pattern=shape.format(guess)).data
        assert right == good("code_search", scene.desk, pattern=shape.format(wrong)).data
    right = good("code_search", scene.desk, text=guess).data
    assert right == good("code_search", scene.desk, text=wrong).data
    assert right["items"] == []


def test_uses_are_filtered(scene: Scene) -> None:
    every = pages("code_uses", scene.desk, limit=2)
    assert len(every) == good("code_uses", scene.desk, limit=200).data["uses"]
    (xadd,) = pages("code_uses", scene.desk, kind="xadd")
    assert (xadd["path"], xadd["line"], xadd["stream"]["value"]) == ("web/main.py", 5, "orders")
    assert pages("code_uses", scene.desk, kind="xadd", service="au*") == []
    assert [one["path"] for one in pages("code_uses", scene.desk, stream="aud*", path="audit/*")] == [
        "audit/main.py"
    ]


def test_streams_have_producers_and_consumers(scene: Scene) -> None:
    rows = {one["stream"]: one for one in pages("code_streams", scene.desk)}
    assert [place["at"] for place in rows["orders"]["producers"]] == ["web/main.py:5"]
    assert [(place["at"], place["group"]) for place in rows["audit"]["consumers"]] == [
        ("audit/main.py:5", "auditors")
    ]


def test_variables_tell_where_they_are_read_and_set(scene: Scene) -> None:
    rows = {one["name"]: one for one in pages("code_env", scene.desk, limit=1)}
    assert [place["at"] for place in rows["LOG_LEVEL"]["read"]] == ["web/settings.py:3"]
    assert {place["at"] for place in rows["LOG_LEVEL"]["declared"]} >= {".env:3", "docker-compose.yml:7"}
    assert [place["value"] for place in rows["LOG_LEVEL"]["declared"]] == ["info", "debug"]
    assert rows["API_TOKEN"]["declared"][0]["value"].startswith("[masked:")
    assert [one["name"] for one in pages("code_env", scene.desk, name="LOG_*", service="web")] == [
        "LOG_LEVEL"
    ]


def test_declarations_are_filtered(scene: Scene) -> None:
    kinds = {one["kind"] for one in pages("config_facts", scene.desk, limit=3)}
    assert {"env-set", "port", "service", "stream"} <= kinds
    services = pages("config_facts", scene.desk, kind="service", form="compose")
    assert {one["name"] for one in services} == {"audit", "web"}
    assert {one["path"] for one in pages("config_facts", scene.desk, path="docker*")} == {
        "docker-compose.yml"
    }


def test_schemas_have_their_fields(scene: Scene) -> None:
    found = pages("config_schemas", scene.desk, stream="orders")
    assert any(field["name"] == "id" for one in found for field in one["fields"])


def test_without_an_index_the_reason_is_told(scene: Scene) -> None:
    (scene.workspace / "recording" / "code.json.gz").unlink()
    for name in ("code_uses", "code_streams", "code_env", "config_facts", "config_schemas"):
        assert "is not indexed (yet)" in refused(name, scene.desk)
