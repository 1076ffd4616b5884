"""One POST of JSON, with bounds on everything, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tools.errors import DeliveryFailed
from tools.masking import mask

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 10.0
_ANSWER_BYTES_MAX = 100_000
_SHOWN_MAX = 200
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
        f"answered {response.status_code}{_said(answer)}",
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


def _said(body: bytes) -> str:
    text = " ".join(mask(body[:_SHOWN_MAX].decode("utf-8", "replace")).split())
    return f": {text}" if text else ""
