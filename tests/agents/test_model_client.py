"""The client against a scripted API over HTTP: every way to fail ends in an answer or in `ModelUnavailable`."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from agents.investigation.fence import Fence
from agents.model import transcript
from agents.model.breaker import COOL_DOWN_S, FAILURES_MAX
from agents.model.messages import ModelUnavailable, assistant, tool_results, user
from agents.model.settings import Role
from agents.model.transcript import Begin, Replay
from tests.agents.model_scene import ask, client_scene, limits
from tests.fakes.clock import ManualClock
from tests.fakes.messages_api import (
    Asked,
    Breaks,
    Fails,
    MessagesApi,
    Never,
    Reply,
    calls,
    cut,
    overloaded,
    rate_limited,
    refuses,
    says,
)
from tests.fakes.waiting import async_wait_for
from tools.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter2hunter2"
SECRET_LINE = f"PASSWORD={SECRET}"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "session")


def first(failure: Reply, then: Reply | None = None) -> Callable[[Asked], Reply]:
    """A script that fails once, then answers."""
    return lambda asked: failure if asked.number == 0 else then or says({"said": "ok"})


def always(reply: Reply) -> Callable[[Asked], Reply]:
    return lambda _: reply


async def test_an_answer_comes_with_its_usage_and_its_cost(workspace: Workspace) -> None:
    with MessagesApi(always(says({"said": "ok"}, input_tokens=1000, output_tokens=10))) as api:
        async with client_scene(api, workspace) as scene:
            reply = await scene.client.ask(ask())
        assert json.loads(reply.text) == {"said": "ok"}
        assert reply.stop_reason == "end_turn"
        assert Decimal(reply.usd) == api.billed == scene.client.budget.whole.usd
        (call,) = scene.calls()
        assert (call.prompt_version, call.model, call.usd) == ("test@1", "claude-sonnet-5-5", reply.usd)
        assert call.usage == reply.usage
        assert call.content[0]["text"] == reply.text


async def test_a_tool_round_goes_back_as_it_came(workspace: Workspace) -> None:
    with MessagesApi(
        lambda asked: says({"said": "x"}) if asked.rounds else calls(("look", {"thing": "a"}))
    ) as api:
        async with client_scene(api, workspace) as scene:
            opening = user("look at a")
            wants = await scene.client.ask(ask(opening))
            (use,) = wants.tool_uses()
            assert (use.name, use.input) == ("look", {"thing": "a"})
            results = tool_results([(use, "it is there", False)])
            await scene.client.ask(ask(opening, assistant(wants), results))
        echoed = api.requests[1].messages[1]["content"]
        assert echoed[0]["type"] == "thinking"
        assert echoed[0]["signature"].startswith("sig_")
        assert echoed[1]["id"] == use.id


async def test_the_stable_part_is_written_to_the_cache_once_and_read_from_it_afterwards(
    workspace: Workspace,
) -> None:
    with MessagesApi(always(says({"said": "x"}))) as api:
        async with client_scene(api, workspace) as scene:
            one = await scene.client.ask(ask(user("first")))
            two = await scene.client.ask(ask(user("second"), conversation="c-2"))
    assert (one.usage.cache_write > 0, one.usage.cache_read) == (True, 0)
    assert (two.usage.cache_write, two.usage.cache_read) == (0, one.usage.cache_write)
    assert api.requests[0].body["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}


RETRIED = [
    pytest.param(rate_limited(0), id="429"),
    pytest.param(overloaded(), id="529"),
    pytest.param(Fails(500), id="500"),
    pytest.param(Fails(503, body=b"<html>bad gateway</html>"), id="503, no JSON"),
    pytest.param(Breaks("error", says({"said": "half"})), id="an error within the stream"),
    pytest.param(Breaks("reset", says({"said": "half"})), id="a reset within the stream"),
    pytest.param(Breaks("eof", says({"said": "half"}), events=4), id="an end that looks like success"),
    pytest.param(Breaks("eof", says({"said": "half"}), events=0), id="an end before anything"),
    pytest.param(Breaks("garbage", says({"said": "half"})), id="a stream that is no JSON"),
]


@pytest.mark.parametrize("failure", RETRIED)
async def test_what_may_pass_is_asked_again(workspace: Workspace, failure: Reply) -> None:
    with MessagesApi(first(failure)) as api:
        async with client_scene(api, workspace) as scene:
            reply = await scene.client.ask(ask(), within_s=1000)
        assert json.loads(reply.text) == {"said": "ok"}
        assert [call.error is None for call in scene.calls()] == [False, True]
        assert scene.events == []
        # A 429 never reached a model; of all else nobody knows, so the worst case stays booked.
        assert scene.calls()[0].kept == (not isinstance(failure, Fails) or failure.status != 429)
        assert scene.client.budget.whole.usd >= api.billed


@pytest.mark.parametrize(
    "failure",
    [pytest.param(Never(), id="no answer"), pytest.param(Breaks("silence", says("x")), id="silence")],
)
async def test_a_server_that_never_answers_costs_its_time_and_no_more(
    workspace: Workspace, failure: Reply
) -> None:
    with MessagesApi(first(failure)) as api:
        async with client_scene(api, workspace, call_timeout_s=1.5) as scene:
            reply = await scene.client.ask(ask(), within_s=1000)
        assert json.loads(reply.text) == {"said": "ok"}
        assert "no answer within 1.5 s" in str(scene.calls()[0].error)
        assert scene.calls()[0].kept


@pytest.mark.parametrize(
    ("failure", "asked"),
    [
        pytest.param(Fails(400), 1, id="400"),
        pytest.param(Fails(404), 1, id="404"),
        pytest.param(Fails(413), 1, id="413"),
        pytest.param(Fails(429, code="enforced_spend_limit_reached"), 1, id="the spend limit"),
        pytest.param(Fails(401), 1, id="401"),
        pytest.param(Fails(402), 1, id="402"),
        pytest.param(rate_limited(3600), 1, id="a wait that is too long"),
        pytest.param(overloaded(), 3, id="529 again and again"),
        pytest.param(Breaks("eof", says("x")), 3, id="cut off again and again"),
    ],
)
async def test_what_does_not_pass_is_unavailable_after_its_attempts(
    workspace: Workspace, failure: Reply, asked: int
) -> None:
    with MessagesApi(always(failure)) as api:
        async with client_scene(api, workspace) as scene:
            with pytest.raises(ModelUnavailable) as told:
                await scene.client.ask(ask(), within_s=1000)
        assert told.value.why == "failed"
        assert len(api.requests) == len(scene.calls()) == asked
        assert scene.client.budget.whole.held_usd == 0


async def test_a_connection_that_is_refused_is_unavailable(workspace: Workspace) -> None:
    with MessagesApi(always(says("x"))) as api:
        pass  # it is gone
    async with client_scene(api, workspace) as scene:
        with pytest.raises(ModelUnavailable, match="broke"):
            await scene.client.ask(ask(), within_s=1000)


async def test_the_wait_that_the_api_asks_for_is_kept(workspace: Workspace) -> None:
    clock = ManualClock()
    begun = clock.monotonic()
    with MessagesApi(first(rate_limited(7))) as api:
        async with client_scene(api, workspace, clock) as scene:
            await scene.client.ask(ask(), within_s=1000)
    assert clock.monotonic() - begun == pytest.approx(7, abs=0.01)


@pytest.mark.parametrize(
    ("reply", "stop"),
    [
        pytest.param(refuses(), "refusal", id="refusal"),
        pytest.param(cut('{"sai'), "max_tokens", id="cut"),
        pytest.param(
            says("x").__class__(says("x").content, stop_reason="some_new_reason"),
            "some_new_reason",
            id="unknown",
        ),
    ],
)
async def test_odd_endings_are_answers_that_say_so(workspace: Workspace, reply: Reply, stop: str) -> None:
    with MessagesApi(always(reply)) as api:
        async with client_scene(api, workspace) as scene:
            assert (await scene.client.ask(ask())).stop_reason == stop


async def test_after_failures_in_a_row_nobody_asks_until_one_call_tries(workspace: Workspace) -> None:
    clock = ManualClock()
    with MessagesApi(
        lambda asked: overloaded() if asked.number < FAILURES_MAX else says({"said": "ok"})
    ) as api:
        async with client_scene(api, workspace, clock, attempts=1) as scene:
            for _ in range(FAILURES_MAX):
                with pytest.raises(ModelUnavailable):
                    await scene.client.ask(ask(), within_s=1000)
            with pytest.raises(ModelUnavailable) as told:
                await scene.client.ask(ask(), within_s=1000)
            assert told.value.why == "breaker"
            assert len(api.requests) == FAILURES_MAX
            clock.advance(COOL_DOWN_S)
            await scene.client.ask(ask(), within_s=1000)
            assert [event["state"] for event in scene.events] == ["open", "closed"]


async def test_a_refused_key_is_asked_with_once(workspace: Workspace) -> None:
    with MessagesApi(always(Fails(401, "invalid x-api-key"))) as api:
        async with client_scene(api, workspace) as scene:
            for _ in range(3):
                with pytest.raises(ModelUnavailable, match="refuses the key"):
                    await scene.client.ask(ask(), within_s=1000)
        assert len(api.requests) == 1
        assert [event["state"] for event in scene.events] == ["shut"]


async def test_no_secret_leaves_and_none_is_written(workspace: Workspace) -> None:
    text = f"redis://:{SECRET}@10.0.0.1:6379 requirepass {SECRET} PASSWORD={SECRET}"
    with MessagesApi(
        lambda asked: says({"said": "x"}) if asked.rounds else calls(("look", {"thing": "a"})),
        secrets=(SECRET,),
    ) as api:
        async with client_scene(api, workspace) as scene:
            opening = user(text)
            wants = await scene.client.ask(ask(opening))
            (use,) = wants.tool_uses()
            await scene.client.ask(ask(opening, assistant(wants), tool_results([(use, text, False)])))
        assert "[masked:" in api.requests[1].raw
    written = b"".join(path.read_bytes() for path in workspace.root.rglob("*") if path.is_file())
    assert SECRET.encode() not in written
    assert api.key.encode() not in written


@pytest.mark.parametrize("tail", ["IDENTIFIED BY '", "password=", "-----BEGIN PRIVATE KEY-----", 'secret: "'])
async def test_a_secret_that_is_opened_and_never_closed_does_not_take_the_fences_mark(
    workspace: Workspace, tail: str
) -> None:
    fence = Fence()
    fenced = "\n".join(fence.around(f"finding LW-00{number}", f"{SECRET_LINE} {tail}") for number in (1, 2))
    with MessagesApi(always(says({"said": "x"})), secrets=(SECRET,)) as api:
        async with client_scene(api, workspace) as scene:
            await scene.client.ask(ask(user(fenced)))
        marks = re.findall(r"</?(data-[0-9a-f]{16})>", api.requests[0].all_text)
    assert marks == re.findall(r"</?(data-[0-9a-f]{16})>", fenced)
    assert len(set(marks)) == 2


async def test_half_a_character_in_an_answer_is_neither_lost_nor_fatal(workspace: Workspace) -> None:
    with MessagesApi(always(says("a\ud800b"))) as api:
        async with client_scene(api, workspace) as scene:
            reply = await scene.client.ask(ask())
            assert reply.text == "a?b"
            await scene.client.ask(ask(user("hello"), assistant(reply), user("go on")))
            assert len(scene.calls()) == len(api.requests) == 2


async def test_a_budget_of_five_cents_is_never_passed_by_a_cent(workspace: Workspace) -> None:
    """Answers, broken streams and refusals in turn, asked by four at once, billed by the published prices."""
    turns: list[Reply] = [
        says({"said": "x" * 400}), Breaks("eof", says({"said": "x" * 2000}), events=5), overloaded(), cut("y" * 3000),
        Breaks("error", says({"said": "z" * 900})),
    ]  # fmt: skip
    roles = [Role.LOG_WATCHER, Role.STREAM_ANALYST, Role.CONFIG_AUDITOR, Role.ENHANCEMENT_SCOUT]
    with MessagesApi(lambda asked: turns[asked.number % len(turns)]) as api:
        async with client_scene(api, workspace, session=limits("0.05"), each=limits("0.05")) as scene:

            async def spend(role: Role) -> str:
                while True:
                    try:
                        await scene.client.ask(ask(user("words " * 50), role=role), within_s=1000)
                    except ModelUnavailable as error:
                        if error.why == "budget":
                            return error.reason
                        scene.client.breaker.succeeded()
                        if isinstance(scene.clock, ManualClock):
                            scene.clock.advance(3600)

            reasons = await asyncio.gather(*map(spend, roles))
            assert all("0.05 USD" in reason for reason in reasons)
            assert Decimal(0) < api.billed <= scene.client.budget.whole.usd <= Decimal("0.05")
            assert len(api.requests) > 1


async def test_a_model_without_a_price_is_not_asked(workspace: Workspace) -> None:
    with MessagesApi(always(says("x"))) as api:
        async with client_scene(api, workspace, models=dict.fromkeys(Role, "claude-next")) as scene:
            with pytest.raises(ModelUnavailable, match="claude-next costs is not known"):
                await scene.client.ask(ask())
        assert api.requests == []


async def test_a_cancelled_call_keeps_its_reservation(workspace: Workspace) -> None:
    with MessagesApi(always(Never())) as api:
        async with client_scene(api, workspace) as scene:
            await scene.client.connected()
            task = asyncio.create_task(scene.client.ask(ask()))
            await async_wait_for(lambda: api.requests, what="the request")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        (call,) = scene.calls()
        assert call.kept
        assert scene.client.budget.whole.usd == scene.client.budget.kept_usd > 0


async def test_a_session_that_goes_on_knows_what_was_spent_and_what_may_have_been(
    workspace: Workspace,
) -> None:
    with MessagesApi(always(says({"said": "x"}))) as api:
        async with client_scene(api, workspace) as scene:
            await scene.client.ask(ask())
            spent = scene.client.budget.whole.usd
            begun = Begin(
                call="c-9/1", at="2026-01-01T00:00:00.000Z", role=Role.SYNTHESIS, usd="0.25", tokens=7
            )
            scene.client.transcripts.write(begun)
    found = list(transcript.earlier(workspace))
    assert sorted(call.usd for call in found) == sorted([spent, Decimal("0.25")])
    assert [call.kept for call in found if call.role is Role.SYNTHESIS] == [True]


async def test_a_transcript_answers_again_without_a_network(workspace: Workspace) -> None:
    with MessagesApi(lambda asked: says({"said": f"{asked.number}"})) as api:
        async with client_scene(api, workspace) as scene:
            said = [await scene.client.ask(ask(user(f"question {n}"))) for n in range(2)]
    replay = Replay(workspace)
    again = [await replay.ask(ask(user(f"question {n}"))) for n in range(2)]
    assert again == said
    assert replay.differing == 0
    with pytest.raises(ModelUnavailable):
        await replay.ask(ask(user("one more")))


async def test_a_transcript_tells_where_the_question_was_another_one(workspace: Workspace) -> None:
    with MessagesApi(always(says({"said": "x"}))) as api:
        async with client_scene(api, workspace) as scene:
            await scene.client.ask(ask(user("one")))
            await scene.client.ask(ask(user("<data-0123456789abcdef> two")))
    replay = Replay(workspace)
    await replay.ask(ask(user("another")))
    await replay.ask(ask(user("<data-fedcba9876543210> two")))
    assert replay.differing == 1


async def test_a_disk_that_is_full_costs_the_transcript_and_not_the_answer(workspace: Workspace) -> None:
    with MessagesApi(always(says({"said": "x"}))) as api:
        async with client_scene(api, workspace) as scene:
            transcript.path(workspace, Role.LOG_WATCHER).symlink_to("/dev/full")
            assert (await scene.client.ask(ask())).text
    assert any("transcript" in str(event.get("reason")) for event in scene.events)


def test_only_the_client_imports_the_sdk() -> None:
    found = set()
    for package in ("agents", "orchestrator", "prompts", "tools"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.split(".")[0] in {"anthropic", "httpx2"} for name in names):
                    found.add(str(path.relative_to(ROOT)))
    assert found == {"agents/model_client.py"}


def test_importing_the_client_imports_no_sdk() -> None:
    code = "import sys, agents.model_client, orchestrator.session.run; print('anthropic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
