"""What every call keeps: arguments checked, time and size bounded, secrets masked, nothing raised."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.functions.desks import SECRET, desk_at
from tools.errors import SourceUnavailable
from tools.findings.model import AgentId
from tools.functions import calling
from tools.functions.contract import Arguments, Desk, Item, Limits, Page, Result, ToolFunction
from tools.masking import mask


class Nothing(Arguments):
    """No arguments."""


def page_of(*texts: str, next_page: str | None = None) -> Page:
    return Page(
        tuple(Item({"text": text}, f"after {number}") for number, text in enumerate(texts)), {}, next_page
    )


def test_a_page_that_is_too_long_ends_at_an_item_and_goes_on_there() -> None:
    answer = calling.answer(page_of(*["x" * 1000] * 10), 4000)
    assert len(answer.text.encode()) <= 4000
    assert 0 < len(answer.data["items"]) < 10
    assert answer.next_page == f"after {len(answer.data['items']) - 1}"
    assert answer.truncated


def test_a_page_that_fits_keeps_its_own_mark() -> None:
    whole = calling.answer(page_of("a", "b", next_page="more"), 4000)
    last = calling.answer(page_of("a", "b"), 4000)
    assert (whole.next_page, whole.truncated) == ("more", True)
    assert (last.next_page, last.truncated) == (None, False)


def test_an_item_that_alone_is_too_long_is_cut_and_the_next_is_reached() -> None:
    answer = calling.answer(page_of("y" * 50_000, "z"), 4000)
    assert len(answer.text.encode()) <= 4000
    assert "characters)" in answer.data["items"][0]["text"]
    assert answer.next_page == "after 0"


@pytest.mark.parametrize(
    "data",
    [
        {"text": "x" * 100_000},
        {"many": ["word"] * 100_000},
        {f"key{number}": "value" * 20 for number in range(5000)},
        {"deep": [[["x" * 500] * 20] * 20] * 20},
        {"wide": {"k" * 20_000: "v"}},
    ],
    ids=["text", "list", "keys", "deep", "long key"],
)
def test_a_record_of_any_shape_is_cut_to_the_limit(data: Mapping[str, object]) -> None:
    answer = calling.answer(data, 4000)
    assert answer.truncated
    assert len(answer.text.encode()) <= 4000


def test_secrets_leave_by_no_way() -> None:
    for result in (
        {"text": f"token {SECRET} here", "password": "hunter2hunter2"},
        Page((Item({"text": SECRET, "a": {"secret": "hunter2hunter2"}}, "c"),), {"fact": SECRET}),
    ):
        text = calling.answer(result, 4000).text
        assert SECRET not in text
        assert "hunter2hunter2" not in text
    assert SECRET not in calling.refusal(f"no {SECRET}").text


def test_text_is_canonical_json_that_no_terminal_acts_on() -> None:
    data = {"b": "\x1b[31mred\x9b\u202egnp\u2028", "a": "\U000e0041 tag \ud800 half", "é": "ü"}
    text = calling.canonical(data)
    assert json.loads(text) == data
    assert text.index('"a"') < text.index('"b"')
    assert text.isprintable()
    assert "ü" in text


@pytest.mark.parametrize("arguments", [None, [], "x", 3, [("stream", "x")]], ids=repr)
def test_arguments_that_are_no_object_are_refused(arguments: object, tmp_path: Path) -> None:
    answer = calling.call("findings_list", arguments, desk_at(tmp_path))
    assert not answer.ok
    assert "must be an object" in (answer.error or "")


@pytest.mark.parametrize(
    "name", ["", "nope", "x\x00\x1b[2J", "../../etc/passwd", "n" * 10_000, "--help", None, 7], ids=ascii
)
def test_a_name_that_is_none_is_refused_in_a_short_sentence(name: str, tmp_path: Path) -> None:
    answer = calling.call(name, {}, desk_at(tmp_path))
    assert not answer.ok
    assert (answer.error or "").startswith("There is no function")
    assert "findings_list" in (answer.error or "")
    assert answer.text.isprintable()


def test_a_specialist_calls_only_what_is_his(tmp_path: Path) -> None:
    desk = desk_at(tmp_path)
    arguments = {"stream": "orders", "group": "billing"}
    refused = calling.call("redis_pending", arguments, desk, agent=AgentId.CONFIG_AUDITOR)
    assert "is not for CONFIG_AUDITOR" in (refused.error or "")
    anybody = calling.call("redis_pending", arguments, desk)
    assert "audits no Redis server" in (anybody.error or "")


def function_of(run: Callable[[Desk, Nothing], Result]) -> ToolFunction:
    return ToolFunction("made", "made", Nothing, frozenset(AgentId), run)


def test_what_a_source_raises_is_an_answer_and_what_a_defect_raises_is_raised(tmp_path: Path) -> None:
    desk = desk_at(tmp_path)

    def silent(_desk: Desk, _arguments: Nothing) -> Result:
        raise SourceUnavailable("Redis at x", f"no answer {SECRET}", "Look at it.")

    def broken(_desk: Desk, _arguments: Nothing) -> Result:
        raise ZeroDivisionError

    answer = calling.run(function_of(silent), {}, desk)
    assert answer.error == f"This could not be read: Redis at x: no answer {mask(SECRET)}. Look at it."
    with pytest.raises(ZeroDivisionError):
        calling.run(function_of(broken), {}, desk)


def test_a_function_that_stands_still_is_left_behind(tmp_path: Path) -> None:
    release = threading.Event()

    def stands(_desk: Desk, _arguments: Nothing) -> Result:
        release.wait(60)
        return {}

    desk = desk_at(tmp_path, limits=Limits(seconds=0.05, grace_s=0.05))
    answer = calling.run(function_of(stands), {}, desk)
    release.set()
    assert "Not done within 0.05 s" in (answer.error or "")


def test_a_function_that_looks_at_the_time_ends_by_itself(tmp_path: Path) -> None:
    def busy(desk: Desk, _arguments: Nothing) -> Result:
        while True:
            desk.check_time()

    answer = calling.run(function_of(busy), {}, desk_at(tmp_path, limits=Limits(seconds=0.01)))
    assert "ask for less" in (answer.error or "")
