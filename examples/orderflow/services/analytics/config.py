"""Settings of the analytics service, from the environment."""

import os

SERVICE = "analytics"
LOG_LEVEL = os.environ.get("ANALYTICS_LOG_LEVEL", "INFO")
LOG_FORMAT = os.environ.get("ANALYTICS_LOG_FORMAT", "json")
SALES_CONSUMER = os.environ.get("ANALYTICS_SALES_CONSUMER", "sales-1")
CLICK_CONSUMER = os.environ.get("ANALYTICS_CLICK_CONSUMER", "clicks-1")
REVENUE_CONSUMER = os.environ.get("ANALYTICS_REVENUE_CONSUMER", "revenue-1")
REVENUE_GROUP = os.environ.get("ANALYTICS_REVENUE_GROUP", "revenue-v2")
COHORT_CONSUMER = os.environ.get("ANALYTICS_COHORT_CONSUMER", "cohort-1")
BOARD_EVERY_S = float(os.environ.get("ANALYTICS_BOARD_EVERY_S", "5"))
TARIFFS_EVERY_S = float(os.environ.get("ANALYTICS_TARIFFS_EVERY_S", "25"))
WAREHOUSE_HOST = os.environ.get("WAREHOUSE_HOST", "warehouse.orderflow.example")
WAREHOUSE_USER = os.environ.get("WAREHOUSE_USER", "reporting")
WAREHOUSE_PASSWORD = os.environ.get("WAREHOUSE_PASSWORD", "")
