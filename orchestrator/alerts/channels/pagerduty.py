"""PagerDuty's Events API v2: one incident a group, opened, updated and resolved under its key."""

from __future__ import annotations

from orchestrator.alerts.channels.posting import encoded, post
from orchestrator.alerts.messages import Message
from tools.findings.model import Severity

_SUMMARY_CHARS = 1024
_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}


class PagerDuty:
    """Sends events. `api` is the service's address, `key` that of the integration."""

    where = "PagerDuty"

    def __init__(self, api: str, key: str) -> None:
        self._url, self._key = f"{api.rstrip('/')}/v2/enqueue", key

    def send(self, message: Message, thread: str) -> str:  # noqa: ARG002 - the contract
        """Trigger or resolve. Raises DeliveryFailed."""
        event: dict[str, object] = {
            "routing_key": self._key,
            "event_action": "resolve" if message.over else "trigger",
            "dedup_key": message.dedup_key,
        }
        if not message.over:
            event["payload"] = {
                "summary": f"{message.level}: {message.title}"[:_SUMMARY_CHARS],
                "source": "streamgauge",
                "severity": _SEVERITIES[message.severity],
                "custom_details": {"items": message.body, "labels": dict(message.labels)},
            }
        post(self._url, encoded(event), {})
        return ""
