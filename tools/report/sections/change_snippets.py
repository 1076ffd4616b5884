"""The exact code that closes an observability gap, in the language that the audited project writes most."""

from __future__ import annotations

from collections.abc import Mapping

from tools.report.model import Change

_PYTHON = {
    "A": (
        "envelope.py",
        """import json
import time
import uuid


def envelope(service: str, payload: dict, cause: dict | None = None) -> dict[str, str]:
    \"\"\"Fields of one stream entry; pass the entry being handled as `cause`, so that ids travel on.\"\"\"
    cause = cause or {}
    return {
        "correlationId": cause.get("correlationId") or str(uuid.uuid4()),
        "traceId": cause.get("traceId") or uuid.uuid4().hex,
        "spanId": uuid.uuid4().hex[:16],
        "originService": service,
        "publishedAt": str(time.time_ns() // 1_000_000),
        "schemaVersion": "1",
        "payload": json.dumps(payload),
    }


# at every XADD:
# redis.xadd(stream, envelope("orders", payload, cause=entry), maxlen=100_000, approximate=True)
""",
    ),
    "B": (
        "json_logs.py",
        """import json
import logging
import time


STANDARD = {*vars(logging.makeLogRecord({})), "message"}


class JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "level": record.levelname,
            "timestamp": f"{seconds}.{int(record.msecs):03d}Z",
            "service": self.service,
            "message": record.getMessage(),
        }
        # correlationId, traceId, event, durationMs and the rest come as `extra` of the call.
        line |= {key: value for key, value in vars(record).items() if key not in STANDARD}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
""",
    ),
    "C": (
        "consumer loop",
        """log.info("published", extra={"event": "redis.publish", "stream": stream, "messageId": message_id,
    "correlationId": entry["correlationId"], "payloadFields": sorted(entry), "publishedAt": entry["publishedAt"]})
log.info("consumed", extra={"event": "redis.consume", "stream": stream, "messageId": message_id,
    "consumer": consumer, "receivedAt": now_ms, "lagMs": now_ms - int(message_id.split("-")[0])})
log.info("acknowledged", extra={"event": "redis.ack", "stream": stream, "messageId": message_id,
    "processingDurationMs": done_ms - now_ms})
log.error("failed", extra={"event": "redis.failed", "stream": stream, "messageId": message_id,
    "error": str(error), "deliveryCount": deliveries, "willRetry": deliveries < limit})
""",
    ),
    "D": (
        "consumer loop, every 60 s",
        """log.info("channel health", extra={"event": "redis.channelHealth", "stream": stream, "consumer": consumer,
    "messagesConsumedLastMinute": len(lags), "avgLagMs": sum(lags) / max(len(lags), 1),
    "maxLagMs": max(lags, default=0), "pendingCount": redis.xpending(stream, group)["pending"],
    "errorsLastMinute": errors})
""",
    ),
    "E": (
        "service entry point",
        """log.info("started", extra={"event": "service.started", "port": port, "subscribedStreams": reads,
    "publishedStreams": writes, "consumerGroups": groups})
# in the signal handler, after the last message was acknowledged:
log.info("shutdown", extra={"event": "service.shutdown", "reason": reason, "pendingMessages": pending})
""",
    ),
}
_TYPESCRIPT = {
    "A": (
        "envelope.ts",
        """import { randomBytes, randomUUID } from "node:crypto";

/** Fields of one stream entry; pass the entry being handled as `cause`, so that ids travel on. */
export function envelope(service: string, payload: unknown, cause: Record<string, string> = {}) {
  return {
    correlationId: cause.correlationId ?? randomUUID(),
    traceId: cause.traceId ?? randomBytes(16).toString("hex"),
    spanId: randomBytes(8).toString("hex"),
    originService: service,
    publishedAt: String(Date.now()),
    schemaVersion: "1",
    payload: JSON.stringify(payload),
  };
}

// at every XADD (ioredis):
// await redis.xadd(stream, "MAXLEN", "~", 100000, "*", ...Object.entries(envelope("orders", payload, entry)).flat());
""",
    ),
    "B": (
        "logger.ts",
        """import pino from "pino";

export const logger = pino({
  base: { service: process.env.SERVICE_NAME },
  messageKey: "message",
  timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
  formatters: { level: (label) => ({ level: label.toUpperCase() }) },
});

// per message: logger.child({ correlationId, traceId })
""",
    ),
    "C": (
        "consumer loop",
        """log.info({ event: "redis.publish", stream, messageId, payloadFields: Object.keys(entry), publishedAt }, "published");
log.info({ event: "redis.consume", stream, messageId, consumer, receivedAt, lagMs: receivedAt - Number(messageId.split("-")[0]) }, "consumed");
log.info({ event: "redis.ack", stream, messageId, processingDurationMs: Date.now() - receivedAt }, "acknowledged");
log.error({ event: "redis.failed", stream, messageId, error: String(error), deliveryCount, willRetry: deliveryCount < limit }, "failed");
""",
    ),
    "D": (
        "consumer loop, every 60 s",
        """log.info({ event: "redis.channelHealth", stream, consumer, messagesConsumedLastMinute: lags.length,
  avgLagMs: lags.reduce((sum, lag) => sum + lag, 0) / Math.max(lags.length, 1), maxLagMs: Math.max(0, ...lags),
  pendingCount, errorsLastMinute }, "channel health");
""",
    ),
    "E": (
        "service entry point",
        """log.info({ event: "service.started", port, subscribedStreams, publishedStreams, consumerGroups }, "started");
// in the signal handler, after the last message was acknowledged:
log.info({ event: "service.shutdown", reason, pendingMessages }, "shutdown");
""",
    ),
}
_SCRIPT = ("typescript", "javascript", "tsx", "jsx", "ts", "js")


def change(letter: str, languages: Mapping[str, int]) -> Change | None:
    """The change for gap `letter` (A to E); None for another letter. `languages` are files per language."""
    script = sum(count for name, count in languages.items() if name.lower() in _SCRIPT)
    python = languages.get("python", 0)
    table, language = (_TYPESCRIPT, "typescript") if script > python else (_PYTHON, "python")
    if letter not in table:
        return None
    file, code = table[letter]
    return Change(file=file, language=language, code=code)
