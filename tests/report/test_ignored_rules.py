"""Comments that silence a rule are listed with their reason: what is not reported is never hidden."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from tests.report.made_session import SESSION_ID, make
from tools.report.write import write_report
from tools.sources.code.index import read_index, write_index
from tools.sources.records import ChainStep


def test_every_ignore_comment_is_listed_with_its_place_and_reason(tmp_path: Path) -> None:
    made = make(tmp_path)
    ignores = (
        ChainStep(path="web/main.py", line=3, text="code.xadd-no-maxlen trimmed at night <b>"),
        ChainStep(path="web/main.py", line=9, text="code.no-such-rule whatever"),
    )
    path = made.workspace.code_index
    write_index(path, structs.replace(read_index(path), ignores=ignores))
    report = write_report(made.workspace, made.project, made.clock)
    assert report.coverage is not None
    assert report.coverage.ignored == (
        "code.xadd-no-maxlen at web/main.py:3: trimmed at night <b>",
        "code.no-such-rule at web/main.py:9: whatever (there is no such rule)",
    )
    text = made.workspace.report(SESSION_ID).read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if "ignored by comments in the code" in line]
    assert "trimmed at night" in line
    assert "<b>" not in line
