"""Settings of the shipping service, from the environment."""

import os

SERVICE = "shipping"
LOG_LEVEL = os.environ.get("SHIPPING_LOG_LEVEL", "INFO")
LOG_FORMAT = os.environ.get("SHIPPING_LOG_FORMAT", "text")
CONSUMER = os.environ.get("SHIPPING_CONSUMER", "packer-1")
TARIFF_REFRESH_S = float(os.environ.get("SHIPPING_TARIFF_REFRESH_S", "2.5"))
CARRIER_WEBHOOK_URL = os.environ.get("CARRIER_WEBHOOK_URL")
