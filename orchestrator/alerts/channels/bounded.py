"""A channel within bounds: one message takes so long and no longer, and whatever goes wrong is a message not taken."""

from __future__ import annotations

import queue
import threading

from orchestrator.alerts.channels.contract import Channel
from orchestrator.alerts.messages import Message
from tools.errors import DeliveryFailed

SEND_S = 45.0
"""Time limits of the libraries are for one read: a peer that sends a byte now and then never reaches them."""

_NOT_AT_ONCE_S = 60.0
"""Whoever took no end is not tried a second time before the next session."""


class Bounded:
    """Sends by another channel, which may be slow and may break."""

    def __init__(self, channel: Channel, within_s: float = SEND_S) -> None:
        self._channel, self._within_s = channel, within_s

    @property
    def where(self) -> str:
        """As the channel says."""
        return self._channel.where

    def send(self, message: Message, thread: str) -> str:
        """Send. Raises DeliveryFailed, and nothing else.

        What does not end in time is left behind in its thread, which holds no process: the message may still arrive.
        """
        outcome: queue.SimpleQueue[str | DeliveryFailed] = queue.SimpleQueue()

        def work() -> None:
            outcome.put(self._tried(message, thread))

        threading.Thread(target=work, name="alert", daemon=True).start()
        try:
            came = outcome.get(timeout=self._within_s)
        except queue.Empty:
            raise DeliveryFailed(
                f"it did not end within {self._within_s:g} s", retry_after_s=_NOT_AT_ONCE_S
            ) from None
        if isinstance(came, DeliveryFailed):
            raise came
        return came

    def _tried(self, message: Message, thread: str) -> str | DeliveryFailed:
        try:
            return self._channel.send(message, thread)
        except DeliveryFailed as error:
            return error
        except Exception as error:  # noqa: BLE001 - a proxy, certificate, address or token that a library cannot take
            # Without the error's text: it may hold the address or the token.
            return DeliveryFailed(f"it cannot be sent ({type(error).__name__})", permanent=True)
