"""A session's workspace with files of every kind, its shelf, and archives that are made by hand."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from orchestrator.archive import layout
from orchestrator.archive.layout import BAGIT, INFO, MANIFEST, PAYLOAD, TAG_MANIFEST, BagInfo
from orchestrator.archive.shelf import Shelf
from orchestrator.archive.writing import Archived, archive
from tests.fakes.clock import ManualClock
from tools.sources import session_facts
from tools.sources.session_facts import SessionFacts
from tools.synthesis.sessions import store
from tools.synthesis.sessions.record import SessionRecord
from tools.workspace import Workspace

START_MS = 1_750_000_000_000


@dataclass
class Sessions:
    """Makes sessions in one workspace and archives them."""

    workspace: Workspace
    shelf: Shelf
    clock: ManualClock

    def make(
        self,
        session_id: str = "20250615_150640",
        *,
        criticals: int = 0,
        incomplete: str = "",
        line: str = "x",
    ) -> Workspace:
        workspace, now = self.workspace, self.clock.now_ms()
        workspace.create()
        workspace.write_text(workspace.session_id_file, f"{session_id}\n")
        facts = SessionFacts(
            session_id=session_id,
            version="0.1.0",
            mode="attach",
            project_root="/project",
            redis="127.0.0.1:6379",
            started_ms=now,
            deadline_ms=now + 600_000,
        )
        session_facts.write(workspace, facts)
        record = SessionRecord(
            session_id=session_id,
            product="0.1.0",
            mode="attach",
            project="/project",
            redis="127.0.0.1:6379",
            started_ms=now,
            ended_ms=now + 600_000,
            incomplete=incomplete,
            findings=(),
            scope=None,
        )
        store.write(workspace.path(*store.FILE), record)
        findings = [{"findingId": f"RSA-{n}", "severity": "CRITICAL"} for n in range(criticals)]
        workspace.all_findings.write_bytes(
            msgspec.json.encode([*findings, {"findingId": "CA-1", "severity": "CRITICAL", "endedAt": "then"}])
        )
        workspace.path("report.json").write_bytes(b'{"dashboard": {"health": "CRITICAL"}}')
        workspace.path("logs", "orders.log").write_text(f"{line}\n" * 500, encoding="utf-8")
        workspace.path("logs", "größe 50.log").write_text("a name that must be encoded\n", encoding="utf-8")
        workspace.path("recording", "looks.jsonl.gz").write_bytes(gzip.compress(b"packed already"))
        return workspace

    def archive(self) -> Archived:
        self.shelf.create()
        session_id = self.workspace.session_id_file.read_text(encoding="utf-8").strip()
        with self.shelf.locked(session_id, self.clock):
            return archive(self.workspace, session_id, self.shelf, self.clock)

    def archived(self, *session_ids: str, **more: object) -> list[Archived]:
        """Sessions a day apart, each in its own archive."""
        made = []
        for session_id in session_ids:
            self.make(session_id, line=session_id, **more)  # type: ignore[arg-type]
            made.append(self.archive())
            self.clock.advance(86_400)
        return made


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    workspace = Workspace(tmp_path / "monitor-session")
    return Sessions(workspace, Shelf.beside(workspace.root), ManualClock(START_MS))


Forge = Callable[..., Path]


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """Writes an archive by hand: a sound one, but for what is given."""

    def write(
        payload: Mapping[str, bytes] | None = None,
        *,
        more: Mapping[str | zipfile.ZipInfo, bytes] | None = None,
        without: str = "",
        tags: Mapping[str, bytes] | None = None,
        unlisted: frozenset[str] = frozenset(),
    ) -> Path:
        files = {f"{PAYLOAD}{name}": data for name, data in (payload or {"SESSION_ID": b"1\n"}).items()}
        manifest = layout.manifest_bytes(
            {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name not in unlisted}
        )
        info = BagInfo(
            run="1",
            number=1,
            archived_ms=START_MS,
            started_ms=START_MS,
            payload_bytes=sum(map(len, files.values())),
            payload_files=len(files),
        )
        written = {BAGIT: layout.DECLARATION, INFO: layout.info_bytes(info), MANIFEST: manifest} | dict(
            tags or {}
        )
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
        written.setdefault(TAG_MANIFEST, layout.manifest_bytes(hashes))
        path = tmp_path / "forged.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in (files | written).items():
                if name != without:
                    packed.writestr(f"1/{name}", data)
            for member, data in (more or {}).items():
                packed.writestr(member, data)
        return path

    return write
