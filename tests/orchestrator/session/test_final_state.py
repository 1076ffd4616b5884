"""What a session says of its streams when its window is over."""

from __future__ import annotations

import json

from tests.conftest import Server
from tests.orchestrator.session.runs import Run
from tools.sources.redis.polls import read_baseline

LENGTH = 2_500
SECRET = "hunter2hunter2"


def test_the_final_state_holds_every_pending_entry_and_no_secret(run: Run, any_server: Server) -> None:
    client = any_server.client
    pipe = client.pipeline(transaction=False)
    for number in range(1, LENGTH + 1):
        pipe.xadd("work", {"a": "b"}, id=f"{number}-0")
    pipe.execute()
    client.xgroup_create("work", "workers", id="0")
    client.xreadgroup("workers", f"redis://me:{SECRET}@box", {"work": ">"}, count=LENGTH)
    run.attach_to(any_server)
    code, output = run("attach")
    assert (code, output) == (0, "None\n")
    path = run.workspace.path("streams", "final_state.json")
    final = read_baseline(path)
    assert final is not None
    ((group,),) = [state.groups for state in final.streams]
    assert [entry.id for entry in group.pending] == [f"{number}-0" for number in range(1, LENGTH + 1)]
    assert group.pending_complete
    assert SECRET not in path.read_text()
    assert json.loads(path.read_bytes())["pending_unread"] == []
    assert not [gap for gap in run.gaps() if gap["source"] == "streams/final_state.json"]
    assert run.facts.own_cost["polls"] == 2
