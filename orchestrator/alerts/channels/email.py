"""E-mail over SMTP: TLS from the start or by STARTTLS, the server's certificate checked; one thread a group."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import ExitStack
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Literal

from msgspec import Struct

from orchestrator.alerts.messages import Message
from tools.clock import Clock
from tools.errors import DeliveryFailed

_TIMEOUT_S = 15.0
_PERMANENT = 500
"""SMTP: 4yz may be otherwise later, 5yz is not."""
_DOMAIN = "streamgauge.invalid"


class Server(Struct, frozen=True, kw_only=True):
    """Where mail is handed in. `user` and `password` are empty for none."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str = ""
    password: str = ""
    authorities: str | None = None
    """A PEM file; None for those of the system."""


class Email:
    """Sends mail from one sender to some."""

    def __init__(self, server: Server, sender: str, to: tuple[str, ...], clock: Clock) -> None:
        self._server, self._sender, self._to, self._clock = server, sender, to, clock

    @property
    def where(self) -> str:
        """The recipients."""
        return f"e-mail to {', '.join(self._to)}"

    def send(self, message: Message, thread: str) -> str:
        """Hand a mail in. Raises DeliveryFailed; what only some recipients refuse is taken for delivered."""
        mail = self._mail(message, thread)
        try:
            with self._connected() as connection:
                if self._server.user:
                    connection.login(self._server.user, self._server.password)
                connection.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise DeliveryFailed(
                "no recipient was taken", permanent=all(code >= _PERMANENT for code in codes)
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryFailed(
                "the server offers no STARTTLS or no login; set security: tls, or none on a network of your own",
                permanent=True,
            ) from error
        except smtplib.SMTPResponseException as error:
            # The server's words are left out: they may quote what was sent.
            reason = f"{type(error).__name__} {error.smtp_code}"
            raise DeliveryFailed(reason, permanent=error.smtp_code >= _PERMANENT) from error
        except ssl.SSLError as error:
            raise DeliveryFailed(
                f"no TLS with {self._server.host}: {error.reason or error}", permanent=True
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(f"{self._server.host} does not answer ({type(error).__name__})") from error
        return thread or str(mail["Message-ID"])

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context(cafile=server.authorities)
        if server.security == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_S, context=context)
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_S)
        with ExitStack() as stack:
            stack.callback(connection.close)
            if server.security == "starttls":
                connection.starttls(context=context)
            stack.pop_all()
        return connection

    def _mail(self, message: Message, thread: str) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = f"[streamgauge] {message.level}: {message.title}"
        mail["From"] = address_of(self._sender)
        mail["To"] = [address_of(text) for text in self._to]
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._clock.now_ms() / 1000, tz=UTC))
        # The same however often it is tried, so that a mailbox may drop the second.
        mail["Message-ID"] = f"<{message.id}@{_DOMAIN}>"
        if thread:
            mail["In-Reply-To"] = thread
            mail["References"] = thread
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{message.text}\n")
        return mail


def address_of(text: str) -> Address:
    """An address with its name. Raises ValueError, LookupError, email.errors.MessageError for what is none."""
    name, address = parseaddr(text)
    return Address(display_name=name, addr_spec=address)
