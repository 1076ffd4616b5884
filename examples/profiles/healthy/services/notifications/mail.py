"""The outbox and the thread that sends what is in it."""

import logging
import queue
import threading
import time
from typing import NamedTuple

from services.notifications import config
from shared.logs import fields


class Mail(NamedTuple):
    """One mail to a customer."""

    address: str
    subject: str
    correlation_id: str


class Outbox:
    """Mails on their way to the relay; full while the relay is slower than we are."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.mails: queue.Queue[Mail] = queue.Queue(maxsize=config.OUTBOX_SIZE)

    def put(self, mail: Mail) -> None:
        """Queue a mail, waiting for room."""
        self.mails.put(mail)

    def start(self) -> None:
        """Start sending in the background."""
        threading.Thread(target=self._send_all, name="mail-sender", daemon=True).start()

    def _send_all(self) -> None:
        while True:
            mail = self.mails.get()
            mailbox, at, domain = mail.address.rpartition("@")
            if not (mailbox and at and domain):
                self.logger.info(
                    "no mail address", extra=fields(correlation_id=mail.correlation_id)
                )
                continue
            time.sleep(config.SEND_MS / 1000)
            self.logger.info(
                "mail sent", extra=fields(correlation_id=mail.correlation_id, relay=domain)
            )
