"""Slack: with a bot's token one message a group, its updates as replies in its thread; by a webhook plain messages."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from orchestrator.alerts.channels.posting import encoded, post
from orchestrator.alerts.messages import Level, Message
from tools.errors import DeliveryFailed

TEXT_CHARS_MAX = 12_000
"""Of a whole message: Slack refuses somewhat above it (msg_blocks_too_long)."""
_BLOCK_CHARS_MAX = 2_900
_COLOURS = {
    Level.CRITICAL: "#b3261e",
    Level.WARNING: "#b26a00",
    Level.INFO: "#5f6368",
    Level.SUCCESS: "#1e7d34",
}
_LATER = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)

_DELETED = frozenset({"message_not_found", "thread_not_found", "cannot_reply_to_message"})
"""The thread is gone: what is to be told begins another one."""
_NOT_EDITED = frozenset({"cant_update_message", "edit_window_closed"})
"""The first message stays as it is, as a workspace may want it after a while; the thread goes on."""


class _Answer(Struct):
    ok: bool = False
    ts: str = ""
    channel: str = ""
    error: str = ""


class SlackBot:
    """Speaks as a bot. What it calls a thread is `CHANNEL:TS`, for updates want the channel's id."""

    def __init__(self, api: str, token: str, channel: str) -> None:
        self._api, self._token, self._channel = api.rstrip("/"), token, channel

    @property
    def where(self) -> str:
        """The channel."""
        return f"Slack {self._channel}"

    def send(self, message: Message, thread: str) -> str:
        """Post; in a thread also bring its first message up to date. Raises DeliveryFailed."""
        channel, _, parent = thread.partition(":")
        if not parent:
            return self._first(message)
        # The update first: it may be repeated, the reply may not.
        updated = self._asked("chat.update", {"channel": channel, "ts": parent, **_content(message)})
        if updated.error not in _NOT_EDITED:
            if updated.error in _DELETED:
                return self._first(message)
            _taken("chat.update", updated)
        reply = {"channel": channel, "thread_ts": parent, "reply_broadcast": message.escalated}
        replied = self._asked("chat.postMessage", {**reply, **_content(message)})
        if replied.error in _DELETED:
            return self._first(message)
        _taken("chat.postMessage", replied)
        return thread

    def _first(self, message: Message) -> str:
        answer = self._asked("chat.postMessage", {"channel": self._channel, **_content(message)})
        _taken("chat.postMessage", answer)
        return f"{answer.channel or self._channel}:{answer.ts}" if answer.ts else ""

    def _asked(self, method: str, data: dict[str, object]) -> _Answer:
        headers = {"Authorization": f"Bearer {self._token}"}
        found = post(f"{self._api}/{method}", encoded(data), headers)
        try:
            return msgspec.json.decode(found.body, type=_Answer)
        except msgspec.MsgspecError as error:
            raise DeliveryFailed(f"{method}: the answer is none of Slack's") from error


def _taken(method: str, answer: _Answer) -> None:
    if not answer.ok:
        raise DeliveryFailed(f"{method}: {answer.error or 'refused'}", permanent=answer.error not in _LATER)


class SlackWebhook:
    """Posts to an incoming webhook: every message stands alone, for a webhook tells no name of what it posted."""

    where = "Slack, by a webhook"

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, message: Message, thread: str) -> str:  # noqa: ARG002 - the contract
        """Post. Raises DeliveryFailed."""
        post(self._url, encoded(_content(message)), {})
        return ""


def _content(message: Message) -> dict[str, object]:
    """Plain text only: nothing in it mentions, links or formats, whatever the audited system printed."""
    title = _escaped(f"{message.level}: {message.title}")
    left = TEXT_CHARS_MAX - 2 * len(title)
    blocks: list[dict[str, object]] = [_block(title)]
    for line in message.body:
        text = _escaped(line)[: min(_BLOCK_CHARS_MAX, max(0, left))]
        left -= len(text)
        if text:
            blocks.append(_block(text))
    return {
        "text": title,
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "attachments": [{"color": _COLOURS[message.level], "fallback": title, "blocks": blocks}],
    }


def _block(text: str) -> dict[str, object]:
    return {
        "type": "section",
        "text": {"type": "plain_text", "text": text[:_BLOCK_CHARS_MAX], "emoji": False},
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
