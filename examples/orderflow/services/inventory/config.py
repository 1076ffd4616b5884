"""Settings of the inventory service, from the environment."""

import os

SERVICE = "inventory"
LOG_LEVEL = os.environ.get("INVENTORY_LOG_LEVEL", "INFO")
LOG_FORMAT = os.environ.get("INVENTORY_LOG_FORMAT", "text")
CONSUMER = os.environ.get("INVENTORY_CONSUMER", "picker-1")
LEVELS_PER_SECOND = float(os.environ.get("INVENTORY_LEVELS_PER_SECOND", "4"))
LEVELS_KEPT = int(os.environ.get("INVENTORY_LEVELS_KEPT", "50"))
