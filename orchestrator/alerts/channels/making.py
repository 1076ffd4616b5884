"""A receiver of the file becomes a channel; what it needs is taken from the environment here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from email.errors import MessageError
from email.utils import parseaddr

from orchestrator.alerts.channels.bounded import Bounded
from orchestrator.alerts.channels.console import Console
from orchestrator.alerts.channels.contract import Channel
from orchestrator.alerts.channels.email import Email, Server, address_of
from orchestrator.alerts.channels.pagerduty import PagerDuty
from orchestrator.alerts.channels.slack import SlackBot, SlackWebhook
from orchestrator.alerts.channels.webhook import Webhook
from orchestrator.alerts.rules import EmailChannel, Receiver, SlackChannel, WebhookChannel
from tools.clock import Clock
from tools.errors import UsageError

_HOST, _FROM, _TO = "SMTP_HOST", "ALERT_EMAIL_FROM", "ALERT_EMAIL_TO"
_AUTHORITIES = "SSL_CERT_FILE"


def make(receiver: Receiver, environ: Mapping[str, str], clock: Clock) -> Channel:
    """The channel of a receiver. Raises UsageError, which names the variable that is missing."""
    channel = _made(receiver, environ, clock)
    return Console() if channel is None else Bounded(channel)


def _made(receiver: Receiver, environ: Mapping[str, str], clock: Clock) -> Channel | None:
    """The channel as it is; None for the console, which needs no bounds."""
    if receiver.slack is not None:
        return _slack(receiver.name, receiver.slack, environ)
    if receiver.email is not None:
        return _email(receiver.name, receiver.email, environ, clock)
    if receiver.webhook is not None:
        return _webhook(receiver.name, receiver.webhook, environ, clock)
    if receiver.pagerduty is not None:
        key = _needed(receiver.name, receiver.pagerduty.routing_key_env, environ)
        return PagerDuty(receiver.pagerduty.api, key)
    return None


def _slack(name: str, channel: SlackChannel, environ: Mapping[str, str]) -> Channel:
    token = environ.get(channel.token_env, "")
    if token and channel.channel:
        return SlackBot(channel.api, token, channel.channel)
    if environ.get(channel.webhook_env):
        return SlackWebhook(environ[channel.webhook_env])
    raise UsageError(
        f"The receiver {name!r} needs {channel.webhook_env}, or {channel.token_env} and `channel`. Set one of them."
    )


def _email(name: str, channel: EmailChannel, environ: Mapping[str, str], clock: Clock) -> Channel:
    host = channel.host or _needed(name, _HOST, environ)
    sender = channel.sender or _needed(name, _FROM, environ)
    to = channel.to or tuple(part.strip() for part in _needed(name, _TO, environ).split(",") if part.strip())
    for text in (sender, *to):
        if not _is_address(text):
            raise UsageError(f"The receiver {name!r}: {text!r} is no e-mail address. Correct it.")
    server = Server(
        host=host,
        port=channel.port,
        security=channel.security,
        user=environ.get(channel.user_env, ""),
        password=environ.get(channel.password_env, ""),
        authorities=environ.get(_AUTHORITIES) or None,
    )
    if server.user and channel.security == "none":
        raise UsageError(
            f"The receiver {name!r} would send a password in the clear. Set security to starttls or tls."
        )
    return Email(server, sender, to, clock)


def _is_address(text: str) -> bool:
    """Whether mail can be sent there: outside of ASCII only the name may be, which few servers take elsewhere."""
    plain = parseaddr(text)[1]
    if "@" not in plain or not plain.isascii() or any(ord(char) < 32 for char in text):
        return False
    try:
        address_of(text)
    except (MessageError, ValueError, LookupError):
        return False
    return True


def _webhook(name: str, channel: WebhookChannel, environ: Mapping[str, str], clock: Clock) -> Channel:
    url = channel.url or _needed(name, channel.url_env, environ)
    secret = _needed(name, channel.secret_env, environ) if channel.secret_env else ""
    return Webhook(url, secret.encode("utf-8"), clock)


def _needed(name: str, variable: str, environ: Mapping[str, str]) -> str:
    value = environ.get(variable, "")
    if not value:
        raise UsageError(f"The receiver {name!r} needs the variable {variable}, which is not set. Set it.")
    return value
