"""git log of a project whose repository is hostile: nothing of it is run, nothing fetched, nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.repositories import GitRepository
from tests.functions.commands.stand_ins import StandIn
from tests.functions.desks import SECRET, desk_at, good, pages, refused
from tools.functions.contract import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_at(tmp_path)


@pytest.fixture
def repository(desk: Desk) -> GitRepository:
    made = GitRepository(desk.project_root)
    for number in range(7):
        made.write({f"web/{number % 2}.py": f"{number}\n"})
        made.git("add", "-A")
        made.git(
            "commit",
            "-q",
            "-m",
            f"change {number} {SECRET}\n\nbody",
            "--date",
            f"2026-01-0{number + 1}T00:00:00Z",
        )
    return made


def test_commits_are_told_newest_first_and_pages_stay_when_others_come(
    desk: Desk, repository: GitRepository
) -> None:
    first = good("command_git_log", desk, limit=3)
    repository.commit({"later.py": "x\n"})
    rest = good("command_git_log", desk, limit=10, page=first.next_page)
    subjects = [one["subject"].split(" ")[1] for one in (*first.data["items"], *rest.data["items"])]
    assert subjects == ["6", "5", "4", "3", "2", "1", "0"]
    assert SECRET not in first.text
    assert first.data["items"][0]["at"].startswith("2026-01-07")


def test_commits_of_one_path_are_told(desk: Desk, repository: GitRepository) -> None:
    found = pages("command_git_log", desk, path="web/1.py", limit=2)
    assert [one["subject"].split(" ")[1] for one in found] == ["5", "3", "1"]
    assert pages("command_git_log", desk, path=":(exclude)web") == []
    for path in ("../outside", "/etc", "a\0b"):
        assert "must be relative" in refused("command_git_log", desk, path=path)
    assert pages("command_git_log", desk, path="--output=pwned") == []
    assert not (desk.project_root / "pwned").exists()
    assert pages("command_git_log", desk, since="2099-01-01T00:00:00Z") == []


@pytest.mark.parametrize("page", ["HEAD:3", "--all:1", f"{'a' * 40}:-1", f"{'a' * 40}:3\n", "main:0", "x"])
def test_a_page_is_a_commit_and_a_number(desk: Desk, repository: GitRepository, page: str) -> None:
    assert repository.root == desk.project_root
    assert "is no nextPage" in refused("command_git_log", desk, page=page)


def test_a_project_inside_of_a_repository_has_the_commits_about_it(desk: Desk) -> None:
    whole = GitRepository(desk.project_root.parent)
    first = whole.commit()
    whole.commit({"other/x.py": "1\n"})
    own = whole.commit({"shop/web/y.py": "1\n"})
    assert [one["commit"] for one in pages("command_git_log", desk)] == [own, first]


def test_a_folder_without_history_is_told(desk: Desk) -> None:
    assert "not a git repository" in refused("command_git_log", desk)
    GitRepository(desk.project_root)
    assert "git" in refused("command_git_log", desk)


def test_nothing_of_a_hostile_repository_is_run(
    desk: Desk, repository: GitRepository, tmp_path: Path
) -> None:
    pwned = StandIn(tmp_path / "evil", "evil")
    program = str(tmp_path / "evil" / "evil")
    for name in ("reference-transaction", "post-index-change", "post-checkout", "fsmonitor-watchman"):
        hook = repository.root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
        hook.chmod(0o755)
    settings = {
        "core.pager": program, "pager.log": "true", "core.fsmonitor": program, "core.editor": program,
        "alias.log": f"!{program}", "log.showSignature": "true", "gpg.program": program, "gpg.ssh.program": program,
        "diff.external": program, "diff.evil.textconv": program, "diff.evil.command": program, "core.sshCommand": program,
        "filter.evil.smudge": program, "filter.evil.clean": program, "credential.helper": f"!{program}",
        "interactive.diffFilter": program, "core.askPass": program, "core.gitProxy": program,
        "core.alternateRefsCommand": program, "uploadpack.packObjectsHook": program, "sequence.editor": program,
        "mailmap.file": "/etc/passwd", "log.follow": "true", "color.ui": "always", "log.diffMerges": "separate",
        "core.hooksPath": str(tmp_path / "evil"),
    }  # fmt: skip
    for name, value in settings.items():
        repository.git("config", name, value)
    repository.write({".gitattributes": "* diff=evil filter=evil\n"})
    state = (
        (repository.root / ".git" / "config").read_bytes(),
        (repository.root / ".git" / "index").read_bytes(),
    )
    found = pages("command_git_log", desk, path="web/1.py", limit=2)
    assert len(found) == 3
    assert "\x1b" not in str(found)
    assert pwned.started() == []
    after = (
        (repository.root / ".git" / "config").read_bytes(),
        (repository.root / ".git" / "index").read_bytes(),
    )
    assert after == state


def test_a_missing_commit_is_not_fetched_by_a_program_that_the_repository_names(
    desk: Desk, repository: GitRepository, tmp_path: Path
) -> None:
    """`protocol.allow=never` does not help against a repository that allows the protocol by its name."""
    pwned = tmp_path / "pwned"
    parent = repository.git("rev-parse", "HEAD~2")
    (repository.root / ".git" / "objects" / parent[:2] / parent[2:]).unlink()
    settings = {
        "core.repositoryFormatVersion": "1", "extensions.partialClone": "origin", "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::sh -c touch% {pwned}", "remote.origin.fetch": "+refs/heads/*:refs/remotes/origin/*",
        "protocol.ext.allow": "always",
    }  # fmt: skip
    for name, value in settings.items():
        repository.git("config", name, value)
    assert "git failed" in refused("command_git_log", desk)
    assert not pwned.exists()
