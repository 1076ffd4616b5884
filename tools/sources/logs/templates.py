"""Templates: what is the same in lines that differ only in numbers, ids and times."""

from __future__ import annotations

from tools import linear
from tools.server_words import without_request

_VARIABLE = linear.compile(
    r"\[masked:[^\[\]\s]{1,80}\]|[A-Za-z0-9_+./:@%-]*[0-9][A-Za-z0-9_+./:@%-]*|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"
)
_MESSAGE_ID = linear.compile(r"(?:^|[^\w-])(\d{13}-\d{1,19})(?:$|[^\w-])")
_CHARACTERS_MAX = 400
_IDS_MAX = 20


def template_of(text: str) -> str:
    """The text with every token that holds a digit, and every mask mark, as `<*>`; at most 400 characters."""
    text = without_request(text[: 4 * _CHARACTERS_MAX])
    return " ".join(_VARIABLE.sub("<*>", text).split())[:_CHARACTERS_MAX]


def message_ids(text: str) -> tuple[str, ...]:
    """Stream message ids (`1748771234567-0`) in a text, in order, without repeats; at most 20."""
    if "-" not in text:
        return ()
    found = dict.fromkeys(match.group(1) for match in _MESSAGE_ID.finditer(text))
    return tuple(found)[:_IDS_MAX]
