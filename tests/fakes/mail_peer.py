"""A real SMTP server on loopback (aiosmtpd) that answers as it is told and keeps the mails that it takes."""

from __future__ import annotations

import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class _Handler:
    def __init__(self, peer: MailPeer) -> None:
        self._peer = peer

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self._peer.refuses_recipients:
            return self._peer.refuses_recipients
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        if self._peer.refuses_mail:
            return self._peer.refuses_mail
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self._peer.mails.append(mail)
        self._peer.encrypted.append(session.ssl is not None)
        return "250 taken"


class _Controller(Controller):
    def __init__(self, peer: MailPeer, context: ssl.SSLContext | None, password: str) -> None:
        self._context, self._password = context, password
        super().__init__(_Handler(peer), hostname="127.0.0.1", port=0)

    def factory(self) -> SMTP:
        def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
            return AuthResult(success=data.password.decode() == self._password, handled=False)

        options: dict[str, Any] = {
            "tls_context": self._context,
            "require_starttls": self._context is not None,
        }
        if self._password:
            options |= {"authenticator": known, "auth_required": True}
        return SMTP(self.handler, hostname="peer", **options)

    def _trigger_server(self) -> None:
        """The parent asks the server at its port, which the system chose."""
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no annotation there


class MailPeer:
    """Offers STARTTLS where it has a certificate; with a password it wants a login."""

    def __init__(self, certificate: tuple[str, str] | None = None, password: str = "") -> None:
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.refuses_recipients = ""
        self.refuses_mail = ""
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
        self._controller = _Controller(self, context, password)

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
