"""Names without digits: when lines that differ in one are lines of one template, and when they are not."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.sources.logs.lines import AT_MS, line
from tools.sources.logs.variable_words import BOTH_MIN, NAMES_MIN, WORDS_MIN, VariableWords
from tools.sources.logs.window import Window
from tools.sources.logs.window_state import WindowState
from tools.template_words import covers, split_of

NAMES = (
    "alice", "bob", "carl", "dora", "eve", "finn", "gina", "hugo", "iris", "jack", "kira", "liam", "mona", "nils", "olga", "paul",
)  # fmt: skip


def taken(words: VariableWords, texts: list[str], verdict: str = "error") -> list[str]:
    return [words.take(("api", "api.log", verdict, text)) for text in texts]


def of_names(form: str, count: int = len(NAMES)) -> list[str]:
    return [form.format(name) for name in NAMES[:count]]


@pytest.mark.parametrize(
    ("form", "template"),
    [
        ("login failed for user {}: password rejected", "login failed for user <*>: password rejected"),
        ("login of {}@example.com was rejected twice", "login of <*> was rejected twice"),
        ("cannot open /srv/data/{}/orders.csv: no such file", "cannot open /srv/data/<*>/orders.csv: no such file"),
        ('relation "{}" does not exist here', "relation <*> does not exist here"),
        ("no answer in time from tenant={} while saving", "no answer in time from tenant=<*> while saving"),
        ("stream shop.{}.placed has no such group", "stream <*> has no such group"),
        ("GET /shops/{} 500", "GET /shops/<*> 500"),
        ("user {} failed", "user <*> failed"),
        ("login failed: {}@example.com", "login failed: <*>"),
    ],
)  # fmt: skip
def test_a_name_varies_once_it_was_another_one_often_enough(form: str, template: str) -> None:
    texts = of_names(form)
    found = taken(VariableWords(), texts)
    assert found == [*texts[: NAMES_MIN - 1], *[template] * (len(texts) - NAMES_MIN + 1)]


def test_any_other_word_takes_more() -> None:
    texts = of_names("the {} part of it could not be read")
    found = taken(VariableWords(), texts)
    assert found == [*texts[: WORDS_MIN - 1], *["the <*> part of it could not be read"] * (len(texts) - WORDS_MIN + 1)]  # fmt: skip


@pytest.mark.parametrize(
    "texts",
    [
        [f"order could not be stored now: {code}" for code in ("ENOENT", "EACCES", "EEXIST", "EPERM", "EROFS", "EBUSY")],
        [f"order could not be stored, reason={word}" for word in NAMES],
        [f"order could not be stored, code: {word}" for word in NAMES],
        [f"order could not be stored: {word}Error was thrown" for word in NAMES],
        [f"payment of an order was {code} by them" for code in ("card_declined", "rate-limited", "expired_card", "no_funds", "not-found")],
        [f"{name}: order could not be stored" for name in NAMES],
        [f"{name} failed" for name in NAMES],
        [f"handling {name} failed" for name in NAMES],
        [f"could not reach the {peer}" for peer in ("database", "cache", "broker", "mailer", "search")],
        of_names("login failed for user {}: password rejected", NAMES_MIN - 1),
    ],
)  # fmt: skip
def test_what_means_something_else_stays_apart(texts: list[str]) -> None:
    assert taken(VariableWords(), texts) == texts


def test_two_names_vary_together() -> None:
    pairs = list(itertools.product(NAMES, NAMES))
    random.Random(4).shuffle(pairs)
    found = taken(VariableWords(), [f"user {one} not found in tenant {two} today" for one, two in pairs])
    assert len(set(found)) < 2 * BOTH_MIN
    assert set(found[40:]) <= {*found[:40], "user <*> not found in tenant <*> today"}


def test_what_was_counted_as_one_goes_on_as_that() -> None:
    words = VariableWords()
    texts = of_names("login failed for user {}: password rejected")
    first = taken(words, texts)
    assert taken(words, texts) == first


def test_another_service_source_or_verdict_is_asked_for_itself() -> None:
    words = VariableWords()
    taken(words, of_names("login failed for user {}: password rejected"))
    key = ("api", "api.log", "warn", "login failed for user zoe: password rejected")
    assert (words.find(key), words.find((*key[:2], "error", key[3]))) == (
        None,
        "login failed for user <*>: password rejected",
    )


def test_what_tells_of_memory_stays_apart() -> None:
    texts = of_names("memory of worker {} is rss 120 MB now")
    assert taken(VariableWords(), texts, "told") == texts


def test_a_restart_knows_what_varied() -> None:
    texts = of_names("2025-06-15 15:06:41,000 ERROR login failed for user {}: password rejected")
    window = Window((), AT_MS)
    for number, text in enumerate(texts[:8], 1):
        window.take(line(text, number))
    window.clear()
    state: WindowState = window.state()
    again = Window((), AT_MS, state)
    for number, text in enumerate(texts[8:], 9):
        again.take(line(text, number))
    [stats] = again.touched()
    assert (stats.template, stats.total, stats.varied) == ("login failed for user <*>: password rejected", 13, True)  # fmt: skip


@pytest.mark.parametrize("text", ["", " ", "a", "=", "a=/b//c ", "x: y.", "<*> <*>, <*>", "ä ö/ü=…"])
def test_a_template_is_its_words_and_what_stands_between(text: str) -> None:
    split = split_of(text)
    assert split.joined(split.words) == text


def test_a_template_stands_for_those_with_a_word_in_the_place() -> None:
    wide = "login failed for user <*>: password rejected"
    assert covers(wide, "login failed for user alice: password rejected")
    assert covers(wide, wide)
    assert not covers(wide, "login failed for user alice: password expired")
    assert not covers(wide, "login failed for user alice password rejected")
    assert not covers("login failed for user alice: password rejected", wide)
