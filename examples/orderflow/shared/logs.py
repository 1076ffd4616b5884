"""Logging for the services: one JSON object per line, or plain text."""

import io
import json
import logging
import sys
import time
from typing import Any


def fields(**values: Any) -> dict[str, Any]:
    """Structured fields for the `extra` argument of a logging call."""
    return {"fields": values}


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


class JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": timestamp(record.created),
            "level": record.levelname,
            "service": self.service,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """`2025-01-31T09:30:00.000Z INFO [service] message key=value`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        pairs = "".join(f" {key}={value}" for key, value in getattr(record, "fields", {}).items())
        head = f"{timestamp(record.created)} {record.levelname} [{self.service}]"
        line = f"{head} {record.getMessage()}{pairs}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure(service: str, level: str, style: str) -> logging.Logger:
    """Send the records of `service` to standard output in the given style (json or text)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service) if style == "json" else TextFormatter(service))
    logger = logging.getLogger(service)
    logger.setLevel(level)
    logger.handlers = [handler]
    logger.propagate = False
    return logger
