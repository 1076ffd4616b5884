"""What a channel is."""

from __future__ import annotations

from typing import Protocol

from orchestrator.alerts.messages import Message


class Channel(Protocol):
    """Takes messages. `where` is the destination for people, without secrets."""

    @property
    def where(self) -> str:
        """For example `Slack #ops`."""
        ...

    def send(self, message: Message, thread: str) -> str:
        """Send one; what the channel calls its first message, "" where it has no name for it.

        `thread` is what it called the first message of the same group. Raises DeliveryFailed.
        """
        ...
