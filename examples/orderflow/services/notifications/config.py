"""Settings of the notifications service, from the environment."""

import os

SERVICE = "notifications"
CONSUMER = os.environ.get("NOTIFICATIONS_CONSUMER", "mailer-1")
OUTBOX_SIZE = int(os.environ.get("NOTIFICATIONS_OUTBOX_SIZE", "20"))
SEND_MS = int(os.environ.get("NOTIFICATIONS_SEND_MS", "20"))
