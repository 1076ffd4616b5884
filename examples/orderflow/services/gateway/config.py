"""Settings of the gateway, from the environment."""

import os

SERVICE = "gateway"
LOG_LEVEL = os.environ.get("GATEWAY_LOG_LEVEL", "INFO")
LOG_FORMAT = os.environ.get("GATEWAY_LOG_FORMAT", "json")
PORT = int(os.environ.get("GATEWAY_PORT", "3101"))
ORDERS_PER_SECOND = float(os.environ.get("GATEWAY_ORDERS_PER_SECOND", "6"))
CLICKS_PER_SECOND = float(os.environ.get("GATEWAY_CLICKS_PER_SECOND", "3"))
CONSUMER = os.environ.get("GATEWAY_CONSUMER", "cache-1")
