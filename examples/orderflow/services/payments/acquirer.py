"""The card acquirer, as its simulator sees us: one authorisation takes a while."""

import hashlib
import logging
import threading

from services.payments import config


class Acquirer:
    """A session with the acquirer."""

    def __init__(self, stop: threading.Event, logger: logging.Logger) -> None:
        self.stop = stop
        key = api_key(config.MODE, config.MERCHANT)
        logger.info("acquirer session opened for %s with key %s", config.MERCHANT, key)

    def authorise(self, order_id: str, amount: str) -> str:
        """Authorise one payment and return the acquirer's reference."""
        self.stop.wait(config.AUTHORISE_MS / 1000)
        digest = hashlib.sha256(f"{order_id}/{amount}".encode()).hexdigest()
        return f"auth-{digest[:12]}"


def api_key(mode: str, merchant: str) -> str:
    """The simulator derives a merchant's key from its name."""
    return "_".join(("sk", mode, hashlib.sha256(merchant.encode()).hexdigest()[:24]))
