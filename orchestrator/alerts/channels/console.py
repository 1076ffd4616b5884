"""Lines on standard output."""

from __future__ import annotations

import sys

from orchestrator.alerts.messages import Message
from orchestrator.cli.terminal_text import clean
from tools.errors import DeliveryFailed


class Console:
    """Prints."""

    where = "the console"

    def send(self, message: Message, thread: str) -> str:  # noqa: ARG002 - the contract
        """Print a message. Raises DeliveryFailed where nobody takes it."""
        lines = [
            f"{'alert':<10} {message.level}: {message.title}",
            *(f"{'':<10} {line}" for line in message.body),
        ]
        try:
            sys.stdout.write("".join(f"{clean(line)}\n" for line in lines))
            sys.stdout.flush()
        except OSError as error:
            raise DeliveryFailed(f"standard output takes nothing ({error})", permanent=True) from error
        return ""
