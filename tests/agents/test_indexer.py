"""The indexer leaves an index and its lists, whatever the project is."""

from __future__ import annotations

from pathlib import Path

from agents.indexer import index
from tests.agents.audit_jobs import job_of
from tests.fakes.clock import ManualClock
from tests.sources.code.trees import write
from tools.sources.code.index import read_index
from tools.workspace import Workspace


def test_the_index_and_its_lists_are_written(tmp_path: Path) -> None:
    project = write(
        tmp_path / "project",
        {
            "services/a/app.py": 'import os\nX = os.environ["A_KEY"]\nr.xreadgroup("g", "c", {"orders": ">"})',
            "README.md": "| stream |\n|---|\n| `orders.paper` |\n",
            ".env": "A_KEY=1\n",
        },
    )
    workspace = Workspace(project / "monitor-session")
    workspace.create()
    job = job_of("INDEXER", project, workspace.root)
    index(job, ManualClock())
    assert read_index(workspace.code_index).services == ("a",)
    lists = {path.name: path.read_text().split() for path in workspace.path("config").glob("*.txt")}
    assert lists == {
        "config_files.txt": [".env", "README.md"],
        "stream_files.txt": ["services/a/app.py"],
        "code_stream_names.txt": ["orders"],
        "doc_stream_names.txt": ["orders.paper"],
        "code_group_names.txt": ["g"],
        "required_env_vars.txt": ["A_KEY"],
    }


def test_a_project_that_cannot_be_read_still_leaves_an_index_with_a_blind_gap(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "monitor-session")
    workspace.create()
    index(job_of("INDEXER", tmp_path / "nowhere", workspace.root), ManualClock())
    assert [gap.blind for gap in read_index(workspace.code_index).gaps] == [True]


def test_a_workspace_of_another_name_inside_the_project_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": 'r.xadd("orders", {})', "audit/copy.py": 'r.xadd("orders", {})'})
    workspace = Workspace(tmp_path / "audit")
    workspace.create()
    index(job_of("INDEXER", tmp_path, workspace.root), ManualClock())
    assert {use.path for use in read_index(workspace.code_index).uses} == {"app.py"}
