"""Reads a git repository that may be hostile, by plumbing commands that run nothing of it and change nothing.

No hook, filter, text conversion, file system monitor or transport is ever run, no lock is taken, no index written:
objects are read as they are stored. What the caller's environment says of other repositories does not count.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools.errors import UsageError
from tools.masking import mask
from tools.sources.change import ChangeBase

_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "protocol.allow=never",
)
"""A repository may allow a protocol by name, against `protocol.allow`; GIT_ALLOW_PROTOCOL overrules that."""
_OWN = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_ANSWER_S = 120.0
"""For one command; on a disk that stands still a session must not hang."""
_READ_S = 600.0
"""For the files of a whole revision."""
_PART_BYTES = 1 << 20
_GITLINK = b"160000"


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file of a revision: `path` is relative to the audited project."""

    mode: bytes
    oid: bytes
    path: bytes


@dataclass(frozen=True, slots=True)
class Blob:
    """A file's content; `data` is left empty where it is longer than was asked for."""

    size: int
    data: bytes


class Repository:
    """The repository that a folder is in. Raises UsageError where there is none, or no git."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        done = self._run("rev-parse", "--show-toplevel")
        if done.returncode:
            said = _words(done.stderr)
            if "not a git repository" in said:
                raise UsageError(
                    f"{root} is in no git repository, so there is nothing to compare with. Leave --diff-base out."
                )
            raise UsageError(f"git cannot read the repository of {root}: {said}.")
        top = Path(os.fsdecode(done.stdout.rstrip(b"\n"))).resolve()
        if not self.root.is_relative_to(top):
            raise UsageError(
                f"The repository of {root} says that its files lie in {top} (core.worktree). Audit that folder."
            )
        self.prefix = "" if self.root == top else self.root.relative_to(top).as_posix()

    def base_of(self, asked: str) -> ChangeBase:
        """What a change is compared with: where it left the history of the revision `asked`.

        A branch moves on while a change is under review. Against its newest commit, all that was mended there since
        would look as if the change had brought it; against the merge base, only the change counts. Histories without
        one are compared with the revision itself. Raises UsageError.
        """
        if not asked.strip() or asked.startswith("-") or not asked.isprintable():
            raise UsageError(
                f"{mask(asked)!r} is no revision. Name a branch, tag or commit: --diff-base origin/main."
            )
        commit = self._commit(asked)
        if commit is None:
            raise self._unknown(f"The repository knows no revision {mask(asked)!r}")
        merged = self._run("merge-base", commit, "HEAD")
        base = _words(merged.stdout)
        if merged.returncode and self._is_shallow():
            raise self._unknown(f"Where the change left {mask(asked)!r} is not known")
        skipped = tuple(self.submodules(base or commit))
        if base and not merged.returncode:
            return ChangeBase(asked=mask(asked), commit=base, how="merge-base", not_compared=skipped)
        return ChangeBase(asked=mask(asked), commit=commit, how="revision", not_compared=skipped)

    def submodules(self, commit: str) -> Iterator[str]:
        """The folders of other repositories, at the revision or now, relative to the project."""
        there = {entry.path for entry in self.tree(commit) if entry.mode == _GITLINK}
        now = {path for tag, mode, path in self._index() if mode == _GITLINK}
        return (path.decode("utf-8", "backslashreplace") for path in sorted(there | now))

    def left_out(self) -> frozenset[bytes]:
        """Files that a sparse checkout left out of the working tree: their absence is no change."""
        return frozenset(path for tag, _, path in self._index() if tag == b"S")

    def tree(self, commit: str) -> Iterator[TreeEntry]:
        """The files of a revision below the project; none where it has no such folder. Raises UsageError."""
        treeish = f"{commit}:{self.prefix}" if self.prefix else f"{commit}^{{tree}}"
        if self._run("rev-parse", "--verify", "--quiet", treeish).returncode:
            return
        done = self._run("ls-tree", "-r", "-z", "--full-tree", treeish)
        if done.returncode:
            raise UsageError(f"git cannot list the files of {commit[:12]}: {_words(done.stderr)}.")
        for line in done.stdout.split(b"\0"):
            head, tab, path = line.partition(b"\t")
            if tab:
                mode, _, oid = head.split(b" ")
                yield TreeEntry(mode, oid, path)

    def ignored(self, paths: Iterable[bytes]) -> set[bytes]:
        """Which of these are ignored. Paths must not lead through symbolic links or submodules."""
        wanted = list(paths)
        if not wanted:
            return set()
        done = self._run("check-ignore", "-z", "--stdin", stdin=b"".join(path + b"\0" for path in wanted))
        if done.returncode not in {0, 1}:
            raise UsageError(f"git cannot say which files are ignored: {_words(done.stderr)}.")
        return set(filter(None, done.stdout.split(b"\0")))

    def blobs(self, entries: Sequence[TreeEntry], bytes_max: int) -> Iterator[Blob]:
        """The contents of these files as they are stored, in order. Raises UsageError where one is missing."""
        with tempfile.TemporaryFile() as wanted:
            wanted.writelines(entry.oid + b"\n" for entry in entries)
            wanted.seek(0)
            process = subprocess.Popen(
                self._command("cat-file", "--batch"),
                stdin=wanted,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
            watch = threading.Timer(_READ_S, process.kill)
            watch.start()
            assert process.stdout is not None
            try:
                for _ in entries:
                    yield _blob(process.stdout, bytes_max)
            finally:
                watch.cancel()
                process.kill()
                process.wait()
                process.stdout.close()

    def _commit(self, name: str) -> str | None:
        done = self._run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return None if done.returncode else _words(done.stdout)

    def _index(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        done = self._run("ls-files", "-s", "-t", "-z")
        for line in done.stdout.split(b"\0"):
            head, tab, path = line.partition(b"\t")
            parts = head.split(b" ")
            if tab and len(parts) == 4:
                yield parts[0], parts[1], path

    def _is_shallow(self) -> bool:
        return _words(self._run("rev-parse", "--is-shallow-repository").stdout) == "true"

    def _unknown(self, what: str) -> UsageError:
        if self._is_shallow():
            return UsageError(
                f"{what}, and the clone is shallow: its history is cut off. Fetch all of it "
                "(`git fetch --unshallow`; `fetch-depth: 0` in actions/checkout)."
            )
        return UsageError(f"{what}. Fetch it, or name another: --diff-base origin/main.")

    def _command(self, *arguments: str) -> list[str]:
        return ["git", *options(self.root), *arguments]

    def _run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                self._command(*arguments),
                input=stdin,
                capture_output=True,
                env=_environment(),
                timeout=_ANSWER_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise UsageError(
                "git is not installed, and --diff-base needs it. Install it, or leave --diff-base out."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise UsageError(f"git {arguments[0]} did not answer within {_ANSWER_S:g} s.") from error
        except OSError as error:
            raise UsageError(f"git cannot be started: {error.strerror or error}.") from error


def options(root: Path) -> list[str]:
    """What stands before git's command, so that nothing of the repository at `root` is run."""
    return ["--no-pager", *(part for setting in _SETTINGS for part in ("-c", setting)), "-C", str(root)]


def _blob(output: IO[bytes], bytes_max: int) -> Blob:
    parts = output.readline().split()
    if len(parts) != 3:
        raise UsageError(
            "git does not give all files of the revision to compare with (a partial clone, or a damaged one?). "
            "Clone the repository whole."
        )
    size = left = int(parts[2])
    data = output.read(size) if size <= bytes_max else b""
    left -= len(data)
    while left > 0 and (part := output.read(min(left, _PART_BYTES))):
        left -= len(part)
    if left > 0:
        raise UsageError("git ended before it gave all files of the revision to compare with. Try again.")
    output.read(1)
    return Blob(size, data)


def _environment() -> dict[str, str]:
    return environment(os.environ)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What is given, but for what git itself (a hook that runs us) or the user says of other repositories."""
    ours = {
        name: value
        for name, value in given.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    }
    return ours | _OWN


def _words(output: bytes) -> str:
    """The first line of what git says, on one line and without anything that a terminal would act on."""
    line = next(iter(output.decode("utf-8", "replace").splitlines()), "").strip().removeprefix("fatal: ")
    return mask(
        "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line[:300])
    ).rstrip(".")
