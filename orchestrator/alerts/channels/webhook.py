"""A POST of JSON to an address of the user's, signed so that its receiver can tell who sent it and when."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from orchestrator.alerts.channels.posting import encoded, post
from orchestrator.alerts.messages import Message
from tools.clock import Clock, iso

SIGNATURE, ID = "X-Streamgauge-Signature", "Idempotency-Key"


class Webhook:
    """Posts. `secret` is the key of the signature, empty for none."""

    def __init__(self, url: str, secret: bytes, clock: Clock) -> None:
        self._url, self._secret, self._clock = url, secret, clock

    @property
    def where(self) -> str:
        """Scheme and host alone: a path or query may hold a secret."""
        try:
            parts = urlsplit(self._url)
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            return "an address that is none"
        return f"{parts.scheme}://{parts.hostname or ''}{port}"

    def send(self, message: Message, thread: str) -> str:  # noqa: ARG002 - the contract
        """Post a message. Raises DeliveryFailed."""
        now_ms = self._clock.now_ms()
        body = encoded(
            {
                "id": message.id,
                "dedupKey": message.dedup_key,
                "status": "resolved" if message.over else "firing",
                "level": message.level,
                "severity": message.severity,
                "title": message.title,
                "items": message.lines,
                "more": message.more,
                "labels": dict(message.labels),
                "notes": message.notes,
                "report": message.report,
                "sentAt": iso(now_ms),
            }
        )
        headers = {ID: message.id}
        if self._secret:
            headers[SIGNATURE] = signature(self._secret, now_ms // 1000, body)
        post(self._url, body, headers)
        return ""


def signature(secret: bytes, at_s: int, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA-256 over the time, a dot and the body; the time makes a replay visible."""
    signed = hmac.new(secret, f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={signed}"
