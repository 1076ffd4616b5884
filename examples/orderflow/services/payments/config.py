"""Settings of the payments service, from the environment."""

import os

SERVICE = "payments"
LOG_LEVEL = os.environ.get("PAYMENTS_LOG_LEVEL", "INFO")
LOG_FORMAT = os.environ.get("PAYMENTS_LOG_FORMAT", "text")
CONSUMER = os.environ.get("PAYMENTS_CONSUMER", "teller-1")
MERCHANT = os.environ.get("PAYMENTS_MERCHANT", "orderflow-demo")
MODE = os.environ.get("PAYMENTS_MODE", "live")
AUTHORISE_MS = int(os.environ.get("PAYMENTS_AUTHORISE_MS", "400"))
