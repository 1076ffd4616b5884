"""Settings of the orders service, from the environment."""

import os

SERVICE = "orders"
LOG_LEVEL = os.environ.get("ORDERS_LOG_LEVEL", "INFO")
LOG_FORMAT = os.environ.get("ORDERS_LOG_FORMAT", "json")
CONSUMER = os.environ.get("ORDERS_CONSUMER", "clerk-1")
SETTLE_CONSUMER = os.environ.get("ORDERS_SETTLE_CONSUMER", "settler-1")
PAYMENT_TIMEOUT_MS = int(os.environ.get("ORDERS_PAYMENT_TIMEOUT_MS", "5000"))
PAYMENT_ATTEMPTS = int(os.environ.get("ORDERS_PAYMENT_ATTEMPTS", "2"))
AUDIT_MAXLEN = int(os.environ.get("ORDERS_AUDIT_MAXLEN", "50000"))
