"""Words that vary without holding a digit: names of users, hosts and files, of which templates know by having seen several.

`login failed for user alice` and `… for user bob` are two templates until one word has been another one so often that it
must be a name; from then on each further name counts as `login failed for user <*>`. Which words may be names goes by
their look and by the word before them; a word that tells of a failure, or is a code, never is one. The templates that
were there before stay: what was counted as one is never counted as another.
"""

from __future__ import annotations

from collections.abc import Iterable

from tools import linear
from tools.sources.logs.classify import TOLD, tells_of_failure
from tools.template_words import VARIABLE, Split, Words, split_of

NAMES_MIN = 4
"""So many different words in one place, where each looks like a name."""
WORDS_MIN = 12
"""The same where they look like any word."""
BOTH_MIN = 10
"""So many different pairs in two places, each of which had `NAMES_MIN` words."""
FIXED_MIN, FIXED_BESIDE_NAMES_MIN = 3, 2
"""Words that must stay the same, beside half of all: "<*> failed" would be anything, "user <*> failed" is not."""
_WORDS_MAX, _PAIRED_WORDS_MAX = 60, 16
_KNOWN_MAX, _SEEN_MAX = 8192, 40_000
_FAMILIES_MAX = 32
"""Of one service, source, verdict and length, and of all of them a thousand."""
_ALL_FAMILIES_MAX = 1000
_APART = frozenset({TOLD})
"""What is followed over time, as memory is: lines about two workers are not one."""
_CODE = linear.compile(r"^\W*[A-Z][A-Z_]+\W*$")
"""`ENOENT`, `NOPERM`, `GET`."""
_NAME = linear.compile(r"\w[@.:#()\[\]{}|;\\]+\w|^[\"'`<\[({]")
"""A sign inside of a word, or before it. Not those of codes: `card_declined`, `rate-limited`."""
_BEFORE_NAMES = frozenset((
    "user", "username", "login", "account", "customer", "client", "tenant", "org", "organisation", "organization", "host",
    "hostname", "peer", "node", "member", "file", "folder", "directory", "path", "bucket", "queue", "topic", "channel",
    "stream", "group", "consumer", "producer", "table", "database", "schema", "collection", "index", "job", "task", "worker",
    "plugin", "module", "package", "key", "name", "named", "id", "domain", "email", "session", "product", "item", "order",
    "url", "uri", "route", "endpoint", "service", "server", "shard", "partition", "device", "sensor", "site", "store", "shop",
    "merchant", "project", "repository", "branch", "image", "container", "pod", "namespace", "cluster", "region", "zone",
))  # fmt: skip
"""Nouns that a name follows."""
_BEFORE_CODES = frozenset((
    "reason", "code", "status", "state", "type", "kind", "error", "err", "errno", "cause", "op", "operation", "action",
    "method", "phase", "step", "stage", "event", "level", "severity", "result", "exception", "class", "category", "mode",
))  # fmt: skip
"""Nouns that one of a few words follows, each of which means something else."""

Key = tuple[str, str, str, str]
"""Service, source, verdict, template."""


class VariableWords:
    """Which template lines count to, for all sources of a session. Bounded; what it forgets is a template by itself again."""

    def __init__(
        self, known: Iterable[tuple[Key, bool]] = (), learnt: Iterable[tuple[str, str]] = ()
    ) -> None:
        """`known`: templates that there are, and whether words of theirs vary. `learnt`: services and templates of before."""
        self._of: dict[Key, str] = {}
        self._seen: dict[int, Words | set[Words]] = {}
        """What stood in a place, by all that stands around it. Most never vary: the first one goes without a set."""
        self._families: dict[tuple[object, ...], list[Words]] = {}
        self._count = 0
        for service, template in learnt:
            split = split_of(template)
            self._add((service, split.between), split.words)
        for key, varied in known:
            self._of[key] = key[3]
            split = split_of(key[3])
            if varied:
                self._add(_group(key, split), split.words)
            else:
                self._see(key, split)

    def find(self, key: Key) -> str | None:
        """The template that a line counts to, where that is known already: its own, or one of which a word varies."""
        known = key[3] if key[2] in _APART else self._of.get(key)
        if known is not None:
            return known
        split = split_of(key[3])
        for group in (_group(key, split), (key[0], split.between)):
            for family in self._families.get(group, ()):
                if _stands_for(family, split):
                    return self._keep(key, split.joined(family))
        return None

    def take(self, key: Key) -> str:
        """The same; a template that is new is one from now on, or makes those before it one of which a word varies."""
        found = self.find(key)
        if found is not None:
            return found
        split = split_of(key[3])
        family = self._see(key, split)
        if family is None or not self._add(_group(key, split), family):
            return self._keep(key, key[3])
        varied = split.joined(family)
        # Templates of which one word varies may themselves differ in another one.
        outer = self._see((*key[:3], varied), split._replace(words=family))
        if outer is not None and self._add(_group(key, split), outer):
            varied = split.joined(outer)
        return self._keep(key, varied)

    def _keep(self, key: Key, template: str) -> str:
        if len(self._of) >= _KNOWN_MAX:
            self._of.clear()
        self._of[key] = template
        return template

    def _add(self, group: tuple[object, ...], words: Words) -> bool:
        families = self._families.setdefault(group, [])
        if words in families:
            return True
        if len(families) >= _FAMILIES_MAX or self._count >= _ALL_FAMILIES_MAX:
            return False
        families.insert(0, words)
        self._count += 1
        return True

    def _see(self, key: Key, split: Split) -> Words | None:
        """Remember a template; its words with those that vary as `<*>`, where by now some do."""
        words, group = split.words, _group(key, split)
        found, room = None, _room(words) - 1
        if room < FIXED_BESIDE_NAMES_MIN:
            return None
        names = [at for at, word in enumerate(words) if _may_vary(word) and _has_place(split, at)]
        for at in names:
            others = words[:at], words[at + 1 :]
            values = self._values(hash((group, at, others)), (words[at],))
            enough = NAMES_MIN if _looks_like_a_name(split, at) else WORDS_MIN
            if found is None and len(values) >= enough and (enough == NAMES_MIN or room >= FIXED_MIN):
                found = _with(words, at)
        if found is not None or len(words) > _PAIRED_WORDS_MAX or room - 1 < FIXED_BESIDE_NAMES_MIN:
            return found
        return self._see_pairs(split, group, [at for at in names if _looks_like_a_name(split, at)])

    def _values(self, place: int, value: Words) -> set[Words]:
        known = self._seen.get(place)
        if known is None:
            if len(self._seen) >= _SEEN_MAX:
                self._seen.clear()
            self._seen[place] = value
            return {value}
        if not isinstance(known, set):
            if known == value:
                return {value}
            known = self._seen[place] = {known}
        known.add(value)
        return known

    def _see_pairs(self, split: Split, group: tuple[object, ...], names: list[int]) -> Words | None:
        words = split.words
        for first, second in ((one, two) for one in names for two in names if one < two):
            others = words[:first], words[first + 1 : second], words[second + 1 :]
            values = self._values(hash((group, first, second, others)), (words[first], words[second]))
            if len(values) >= BOTH_MIN and all(len(set(of)) >= NAMES_MIN for of in zip(*values, strict=True)):
                return _with(words, first, second)
        return None


def _stands_for(family: Words, split: Split) -> bool:
    """Whether all words are a family's, or may be names where its vary."""
    return all(
        mine == its or (its == VARIABLE and _may_vary(mine) and _has_place(split, at))
        for at, (mine, its) in enumerate(zip(split.words, family, strict=True))
    )


def _group(key: Key, split: Split) -> tuple[object, ...]:
    return (*key[:3], split.between)


def _room(words: Words) -> int:
    """How many words of a template stay the same; 0 where it is too long, or half of it varies."""
    fixed = sum(word != VARIABLE and any(map(str.isalnum, word)) for word in words)
    return fixed if len(words) <= _WORDS_MAX and 2 * (fixed - 1) >= len(words) - words.count(VARIABLE) else 0


def _has_place(split: Split, at: int) -> bool:
    """Not what names the part of a program that writes the line, and not what says why."""
    if at == 0:
        return not split.between[1].startswith(":")
    return _noun(split.words[at - 1]) not in _BEFORE_CODES


def _may_vary(word: str) -> bool:
    if word == VARIABLE or not any(map(str.isalpha, word)) or _CODE.search(word) is not None:
        return False
    return not tells_of_failure(word.encode("utf-8", "replace"))


def _looks_like_a_name(split: Split, at: int) -> bool:
    if split.between[at][-1:] in {"=", "/"} or _NAME.search(split.words[at]) is not None:
        return True
    return at > 0 and _noun(split.words[at - 1]) in _BEFORE_NAMES


def _noun(word: str) -> str:
    return word.lower().strip("\"'{[(")


def _with(words: Words, *places: int) -> Words:
    return tuple(VARIABLE if at in places else word for at, word in enumerate(words))
