"""Reading revisions of real repositories: the right base, clear refusals, and nothing of the repository is run."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
from pathlib import Path

import pytest

from tests.fakes.repositories import GitRepository
from tools.errors import UsageError
from tools.sources.change import ChangeBase
from tools.sources.code.walk import FILE_BYTES_MAX, walk
from tools.sources.git import Repository
from tools.sources.renames import renames
from tools.sources.revision_tree import globs, tree_of


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    made = GitRepository(tmp_path / "shop")
    made.commit({"app.py": "one\n", "services/pay/main.py": "pay\n"})
    return made


def files_of(root: Path, commit: str, *not_compared: str) -> dict[str, str]:
    """Every file of the base, as an audit would read it."""
    base = ChangeBase(asked="x", commit=commit, how="revision", not_compared=not_compared)
    with tree_of(root, base, (), ()) as folder:
        assert folder.name == root.name
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
        found = {file.path: file.full.read_text(encoding="utf-8") for file in walk(folder)}
    assert not folder.parent.exists()
    return found


def test_a_change_is_compared_with_where_it_left_the_branch(repository: GitRepository) -> None:
    fork = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "feature")
    repository.commit({"app.py": "two\n"})
    repository.git("checkout", "-q", "main")
    repository.commit({"other.py": "later\n"})
    repository.git("checkout", "-q", "feature")
    base = Repository(repository.root).base_of("main")
    assert (base.asked, base.commit, base.how) == ("main", fork, "merge-base")


def test_histories_that_have_nothing_in_common_are_compared_as_they_are(repository: GitRepository) -> None:
    main = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "--orphan", "other")
    repository.commit({"app.py": "two\n"})
    base = Repository(repository.root).base_of("main")
    assert (base.commit, base.how) == (main, "revision")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        pytest.param("nope", "knows no revision 'nope'. Fetch it, or name another", id="unknown"),
        pytest.param("HEAD:app.py", "knows no revision", id="no commit"),
        pytest.param("--output=x", "'--output=x' is no revision", id="an option"),
        pytest.param(" ", "is no revision", id="empty"),
        pytest.param("a\x1b[31m", "is no revision", id="control characters"),
    ],
)
def test_what_is_no_revision_is_refused(repository: GitRepository, asked: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        Repository(repository.root).base_of(asked)


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is in no git repository"):
        Repository(tmp_path)


def test_a_machine_without_git_is_told(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.root))
    with pytest.raises(UsageError, match="git is not installed"):
        Repository(repository.root)


def test_a_shallow_clone_is_told_how_to_become_whole(repository: GitRepository, tmp_path: Path) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "feature")
    repository.commit({"app.py": "two\n"})
    repository.commit({"app.py": "three\n"})
    repository.git("checkout", "-q", "main")
    repository.commit({"other.py": "later\n"})
    clone = GitRepository(tmp_path / "clone")
    url = f"file://{repository.root}"
    clone.git("fetch", "-q", "--depth", "1", url, "feature:feature", "main:other")
    clone.git("checkout", "-q", "feature")
    for asked, told in ((first, "knows no revision"), ("other", "is not known")):
        with pytest.raises(UsageError, match=f"{told}.* shallow.*fetch-depth: 0"):
            Repository(clone.root).base_of(asked)


def test_a_project_below_the_root_sees_only_its_own_files(repository: GitRepository) -> None:
    head = repository.git("rev-parse", "HEAD")
    assert Repository(repository.root / "services" / "pay").prefix == "services/pay"
    assert files_of(repository.root / "services" / "pay", head) == {"main.py": "pay\n"}
    (repository.root / "services" / "new").mkdir()
    assert files_of(repository.root / "services" / "new", head) == {}


def test_the_repository_of_a_hook_that_runs_us_does_not_count(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = GitRepository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no-index"))
    assert Repository(repository.root).base_of("main").commit == repository.git("rev-parse", "HEAD")


def test_a_repository_whose_files_lie_elsewhere_is_refused(repository: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    repository.git("config", "core.worktree", str(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match="elsewhere"):
        Repository(repository.root)


def test_nothing_of_a_hostile_repository_is_run_or_changed(repository: GitRepository, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n", encoding="utf-8")
    program.chmod(0o755)
    head = repository.commit(
        {".gitattributes": "*.py filter=bad diff=bad\nhidden.py export-ignore\n", "hidden.py": "h\n"}
    )
    for name in (
        "post-checkout",
        "pre-commit",
        "post-index-change",
        "fsmonitor-watchman",
        "reference-transaction",
    ):
        (repository.root / ".git" / "hooks").mkdir(exist_ok=True)
        (repository.root / ".git" / "hooks" / name).symlink_to(program)
    before = repository.state()
    ran.unlink(missing_ok=True)
    for key in (
        "filter.bad.smudge",
        "filter.bad.clean",
        "filter.bad.process",
        "diff.bad.textconv",
        "core.fsmonitor",
    ):
        repository.git("config", key, str(program))
    for key in (
        "core.pager",
        "core.sshCommand",
        "diff.external",
        "core.editor",
        "uploadpack.packObjectsHook",
    ):
        repository.git("config", key, str(program))
    ran.unlink(missing_ok=True)
    repository.write({"app.py": "changed in the working tree\n", "untracked.py": "x\n"})
    base = Repository(repository.root).base_of("main")
    found = files_of(repository.root, base.commit)
    assert not ran.exists()
    assert base.commit == head
    assert found["app.py"] == "one\n"
    assert found["hidden.py"] == "h\n"
    assert "untracked.py" not in found
    assert (repository.root / ".git" / "index").read_bytes() == before[0]
    assert (
        sorted(path.name for path in (repository.root / ".git").iterdir() if path.name.endswith(".lock"))
        == []
    )
    repository.git("status")
    assert ran.exists(), "the trap itself does not work"


def test_what_is_missing_is_not_fetched_by_a_program_that_the_repository_names(
    repository: GitRepository, tmp_path: Path
) -> None:
    """It may allow a transport by its name, which counts more than that all are forbidden."""
    ran = tmp_path / "ran"
    head = repository.commit({"app.py": "two\n"})
    oid = repository.git("rev-parse", "HEAD:app.py")
    settings = {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::sh -c touch% {ran}",
        "protocol.ext.allow": "always",
    }
    for name, value in settings.items():
        repository.git("config", name, value)
    (repository.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(UsageError, match="does not give all files"):
        files_of(repository.root, head)
    assert not ran.exists()


def test_what_git_ignores_is_the_same_on_both_sides(repository: GitRepository) -> None:
    head = repository.commit({".gitignore": ".env\nprivate/\n"})
    repository.write({".env": "A=1\n", "private/.env": "B=1\n", "new/.env.local": "C=1\n", "new.py": "x\n"})
    found = files_of(repository.root, head)
    assert found[".env"] == "A=1\n"
    assert not {"new.py", "new/.env.local"} & found.keys()


def test_links_stay_inside_and_long_files_keep_their_size(repository: GitRepository) -> None:
    (repository.root / "in").symlink_to("services")
    (repository.root / "out").symlink_to("../../../etc")
    (repository.root / "absolute").symlink_to("/etc/passwd")
    head = repository.commit({"long.json": "x" * (FILE_BYTES_MAX + 5)})
    base = ChangeBase(asked="x", commit=head, how="revision")
    with tree_of(repository.root, base, (), ()) as folder:
        assert str((folder / "in").readlink()) == "services"
        assert not os.path.lexists(folder / "out")
        assert not os.path.lexists(folder / "absolute")
        assert (folder / "long.json").stat().st_size == FILE_BYTES_MAX + 5


def test_what_a_killed_session_left_is_removed_and_what_is_in_use_is_not(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, used, young, foreign = (tmp_path / f"streamgauge-base-{name}" for name in ("a", "b", "c", "d"))
    foreign.symlink_to(repository.root)
    for folder in (left, used, young):
        (folder / "shop").mkdir(parents=True)
        (folder / "lock").touch()
    for folder in (left, used):
        os.utime(folder, (0, 0))
    with (used / "lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        files_of(repository.root, repository.git("rev-parse", "HEAD"))
    assert sorted(path.name for path in tmp_path.glob("streamgauge-base-*")) == [
        used.name,
        young.name,
        foreign.name,
    ]
    assert (repository.root / "app.py").exists()


def test_what_no_audit_enters_is_not_copied(repository: GitRepository) -> None:
    head = repository.commit({"node_modules/x/index.js": "x\n", "vendor/y.py": "y\n", "vendor.py": "z\n"})
    base = ChangeBase(asked="x", commit=head, how="revision")
    with tree_of(repository.root, base, (), ()) as folder:
        assert {path.name for path in folder.iterdir()} == {"app.py", "services", "vendor.py"}


def test_names_that_lead_out_are_left_out(repository: GitRepository, tmp_path: Path) -> None:
    blob = bytes.fromhex(repository.git("hash-object", "-w", "--stdin", data=b"evil\n"))
    names = (b".GIT", b"../../evil", b"..", b"fine.py")
    tree = b"".join(b"100644 " + name + b"\0" + blob for name in names)
    oid = repository.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", data=tree)
    head = repository.git("commit-tree", oid, "-m", "x")
    assert files_of(repository.root, head) == {"fine.py": "evil\n"}


def test_submodules_are_named_and_not_compared(repository: GitRepository) -> None:
    head = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{head},lib/[x]*")
    repository.git("commit", "-q", "-m", "x")
    repository.write({"lib/[x]*/.env": "A=1\n"})
    base = Repository(repository.root).base_of("main")
    assert base.not_compared == ("lib/[x]*",)
    assert "lib/[x]*/.env" not in files_of(repository.root, base.commit, *base.not_compared)
    assert [file.path for file in walk(repository.root, (), globs(base.not_compared))] == [
        "app.py",
        "services/pay/main.py",
    ]


def test_what_a_sparse_checkout_left_out_is_missing_on_both_sides(repository: GitRepository) -> None:
    repository.git("sparse-checkout", "set", "--no-cone", "/app.py")
    assert not (repository.root / "services").exists()
    assert files_of(repository.root, repository.git("rev-parse", "HEAD")) == {"app.py": "one\n"}


def test_a_file_that_git_does_not_have_ends_it(repository: GitRepository) -> None:
    head = repository.git("rev-parse", "HEAD")
    oid = repository.git("rev-parse", "HEAD:app.py")
    (repository.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(UsageError, match="does not give all files"):
        files_of(repository.root, head)


def test_renames_are_told_by_content(tmp_path: Path) -> None:
    body = "".join(f"line {number}\n" for number in range(20))
    old, new = GitRepository(tmp_path / "old"), GitRepository(tmp_path / "new")
    old.write({"a.py": body, "b.py": "b1\nb2\nb3\n", "same.py": body, "c.ts": "c\n", "empty.py": ""})
    new.write(
        {"x/a.py": f"import x\n{body}", "n.py": "n1\nn2\n", "same.py": "other\n", "c.js": "c\n", "e.py": ""}
    )
    assert renames(walk(old.root), walk(new.root)) == {"x/a.py": "a.py"}
