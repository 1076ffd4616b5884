"""One table row of a code rule: what the files are, and how many findings they give."""

from __future__ import annotations

from pathlib import Path

from tests.sources.code.trees import index_of
from tools.detectors.contract import CodeDetector, CodeView
from tools.detectors.thresholds import Judgement
from tools.findings.rule import Symptom

Files = dict[str, str]


def symptoms(rule: CodeDetector, files: Files, root: Path) -> list[Symptom]:
    """What a rule says of these files."""
    return list(rule.detect(CodeView(index=index_of(root, files), judgement=Judgement(expect=()))))


def py(code: str) -> Files:
    """A service in Python."""
    return {"services/a/app.py": code}


def ts(code: str) -> Files:
    """A service in TypeScript."""
    return {"services/a/src/app.ts": code}


def js(code: str) -> Files:
    """A service in JavaScript."""
    return {"services/a/src/app.js": code}
