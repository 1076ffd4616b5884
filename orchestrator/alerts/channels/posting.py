"""One POST of JSON, with bounds on everything, and what its answer means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Struct

from tools.errors import DeliveryFailed
from tools.masking import mask

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 10.0
_ANSWER_BYTES_MAX = 100_000
_SHOWN_MAX, _READ_MAX = 200, 4000
_SECRET_CHARS_MIN = 6
"""Shorter parts of an address are words (`api`, `start`) and guessed anyway."""
_WAIT_MAX_S = 3600.0
_AGAIN = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
"""Of 4xx, those that may be otherwise a moment later."""


class Answer(Struct, frozen=True):
    """What came back: the status was 2xx."""

    status: int
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send it once. Redirects are not followed: they would take what is sent, and its signature, elsewhere.

    Raises DeliveryFailed; permanent for an answer that says that the request itself is wrong.
    """
    import httpx  # not before the first message

    try:
        with (
            httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client,
            client.stream(
                "POST",
                url,
                content=body,
                headers={"Content-Type": "application/json; charset=utf-8", **headers},
            ) as response,
        ):
            answer = _bounded(response)
    except httpx.InvalidURL as error:
        raise DeliveryFailed(f"the address is none ({type(error).__name__})", permanent=True) from error
    except httpx.UnsupportedProtocol as error:
        raise DeliveryFailed("the address is neither http nor https", permanent=True) from error
    except httpx.HTTPError as error:
        # Without the error's text: it may hold the address, and the address a secret.
        raise DeliveryFailed(f"no answer ({type(error).__name__})") from error
    if response.is_success:
        return Answer(response.status_code, answer)
    raise DeliveryFailed(
        f"answered {response.status_code}{_said(answer, url)}",
        permanent=response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
        and response.status_code not in _AGAIN,
        retry_after_s=_retry_after(response),
    )


def encoded(data: object) -> bytes:
    """A body. Texts are masked before they get here."""
    return msgspec.json.encode(data)


def _bounded(response: httpx.Response) -> bytes:
    found = bytearray()
    for piece in response.iter_bytes():
        found += piece
        if len(found) > _ANSWER_BYTES_MAX:
            raise DeliveryFailed("its answer does not end")
    return bytes(found)


def _retry_after(response: httpx.Response) -> float | None:
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(max(seconds, 0.0), _WAIT_MAX_S) if seconds == seconds else None  # noqa: PLR0124 - not a number


def _said(body: bytes, url: str) -> str:
    """What a peer says of its refusal. Many say the address again ("Cannot POST /…"), and that is the secret."""
    text = body.decode("utf-8", "replace")
    for part in _parts_of(url):
        text = text.replace(part, "[masked]")
    text = " ".join(mask(text[:_READ_MAX])[:_SHOWN_MAX].split())
    return f": {text}" if text else ""


def _parts_of(url: str) -> list[str]:
    """What of an address may be a secret, as it stands there and decoded: credentials, path, query; longest first."""
    parts = urlsplit(url)
    pieces = re.split(r"[/&=:;]", f"{parts.netloc.rpartition('@')[0]}/{parts.path}/{parts.query}")
    found = {
        shown for piece in pieces for shown in (piece, unquote(piece)) if len(shown) >= _SECRET_CHARS_MIN
    }
    return sorted(found, key=lambda text: (-len(text), text))
