"""The outbox and the thread that sends what is in it."""

import queue
import threading
import time
from typing import NamedTuple

from services.notifications import config
from shared.logs import timestamp


class Mail(NamedTuple):
    """One mail to a customer."""

    address: str
    subject: str
    correlation_id: str


class Outbox:
    """Mails on their way to the relay; full while the relay is slower than we are."""

    def __init__(self) -> None:
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
            mailbox, domain = mail.address.split("@")
            time.sleep(config.SEND_MS / 1000)
            print(
                f"{timestamp(time.time())} INFO mail '{mail.subject}' for {mailbox[:2]}***"
                f" handed to {domain} correlation_id={mail.correlation_id}"
            )
