"""A healthy project with everything that the Config Auditor looks at: five services in two languages, all in order."""

from __future__ import annotations

import json

_EVENTS = """
asyncapi: 3.0.0
info: {title: shop, version: 2.0.0}
servers: {main: {host: redis, protocol: redis}}
channels:
  placed:
    address: shop.orders.placed
    messages: {OrderPlaced: {$ref: '#/components/messages/OrderPlaced'}}
  paid:
    address: shop.orders.paid
    x-consumer-groups: [mailers, stock]
    messages: {OrderPaid: {$ref: '#/components/messages/OrderPaid'}}
  prices:
    address: shop.prices.{currency}
    messages: {PriceChanged: {$ref: '#/components/messages/PriceChanged'}}
operations:
  take: {action: receive, summary: consumer group billing, channel: {$ref: '#/channels/placed'}}
components:
  messages:
    OrderPlaced:
      payload:
        allOf: [{$ref: '#/components/schemas/Envelope'}, {type: object, required: [order_id, total], properties: {order_id: {type: string}, total: {type: number}, note: {type: string}}}]
    OrderPaid:
      payload:
        allOf: [{$ref: '#/components/schemas/Envelope'}, {type: object, required: [order_id], properties: {order_id: {type: string}}}]
    PriceChanged:
      payload: {$ref: '#/components/schemas/Envelope'}
  schemas:
    Envelope:
      type: object
      required: [version, correlation_id]
      properties: {version: {type: string, const: '2'}, correlation_id: {type: string}}
"""
_README = """
# Shop

| service | port | does |
| --- | --- | --- |
| gateway | 3000 | takes orders |
| billing | 8001 | takes the money |
| redis | 6379 | the streams |

| stream | written by | consumer groups |
| --- | --- | --- |
| `shop.orders.placed` | gateway | `billing` |
| `shop.orders.paid` | billing | `mailers` (mails), `stock` (stock) |
| `shop.prices.{currency}` | any service | – |

| variable | default | what |
| --- | --- | --- |
| `REDIS_URL` | – | where the streams are |
| `PORT` | `3000` | the gateway's port |
| `BATCH` | 10 | entries of one read |
| `LOG_LEVEL` | info | one of debug, info, warn, error |

Try it: `curl http://localhost:8080/health`.
"""
_COMPOSE = """
x-app: &app
  env_file: .env
  restart: on-failure
services:
  redis:
    image: valkey/valkey:8.1-alpine
    ports: ["127.0.0.1:${REDIS_PORT:-6379}:6379"]
  gateway:
    <<: *app
    build: services/gateway
    environment: {PORT: "3000", LOG_LEVEL: "${LOG_LEVEL:-info}"}
    ports:
      - "8080:3000"
      - {target: 3000, published: "8443", host_ip: "::1", protocol: tcp}
  billing:
    <<: *app
    build: {context: services/billing}
    ports: ["8001-8002:8001-8002", "8001:8001/udp"]
  mails:
    <<: *app
    build: services/mails
    ports: ["9000-9010:9100"]
  stock:
    <<: *app
    build: services/stock
    profiles: [stock]
    ports: ["8081:80"]
  stock-debug:
    <<: *app
    build: services/stock
    profiles: [debug]
    ports: ["8081:80"]
"""
_SHARED_TS = """
import { z } from 'zod';
export const STREAMS = { PLACED: 'shop.orders.placed', PAID: 'shop.orders.paid' } as const;
export const GROUPS = { BILLING: 'billing', MAILERS: 'mailers', STOCK: 'stock' } as const;
export const OrderPaid = z.object({ version: z.literal('2'), correlation_id: z.string(), order_id: z.string() });
export async function ensure(redis, stream, group) {
  try { await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM'); }
  catch (error) { if (!String(error).includes('BUSYGROUP')) throw error; }
}
"""
_GATEWAY = """
import { STREAMS } from '@shop/shared';
const log = pino({ level: process.env.LOG_LEVEL ?? 'info' });
const port = Number(process.env.PORT ?? 3000);
const redis = new Redis(process.env.REDIS_URL);
export async function place(order: { id: string; total: number }, id: string) {
  await redis.xadd(STREAMS.PLACED, 'MAXLEN', '~', '1000', '*', 'version', '2', 'correlation_id', id, 'order_id', order.id, 'total', String(order.total));
}
app.listen(port, '::', () => log.info({ port }, 'listening'));
"""
_BILLING = """
import os

import uvicorn

from services.billing.model import OrderPlaced
from shared import names

BATCH = int(os.environ.get("BATCH", "10"))


def run(r):
    names.ensure(r, names.PLACED, names.BILLING)
    while True:
        for _, entries in r.xreadgroup(names.BILLING, "c1", {names.PLACED: ">"}, count=BATCH, block=1000):
            for entry_id, fields in entries:
                order = OrderPlaced(**fields)
                r.xadd(names.PAID, {"version": "2", "correlation_id": order.correlation_id, "order_id": order.order_id}, maxlen=1000)
                r.xack(names.PLACED, names.BILLING, entry_id)


def price(r, currency, id):
    r.xadd(f"shop.prices.{currency}", {"version": "2", "correlation_id": id}, maxlen=1000)


uvicorn.run("app:app", host="::", port=8001)
"""
_MODEL = """
from typing import Literal

from pydantic import BaseModel
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    redis_url: str
    log_level: str = "info"


class Envelope(BaseModel):
    version: Literal["2"]
    correlation_id: str


class OrderPlaced(Envelope):
    order_id: str
    total: float
    note: str | None = None
"""
_NAMES = """
PLACED = "shop.orders.placed"
PAID = "shop.orders.paid"
BILLING = "billing"


def ensure(r, stream, group):
    try:
        r.xgroup_create(stream, group, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
"""


def _reader(group: str) -> str:
    return f"""
import {{ STREAMS, GROUPS, OrderPaid, ensure }} from '@shop/shared';
const redis = new Redis(process.env.REDIS_URL);
await ensure(redis, STREAMS.PAID, GROUPS.{group});
for (;;) {{
  const rows = await redis.xreadgroup('GROUP', GROUPS.{group}, 'c1', 'COUNT', 10, 'BLOCK', 1000, 'STREAMS', STREAMS.PAID, '>');
  for (const row of rows ?? []) {{ handle(OrderPaid.parse(row.fields)); await redis.xack(STREAMS.PAID, GROUPS.{group}, row.id); }}
}}
"""


_ROOT = {
    "name": "shop",
    "private": True,
    "engines": {"node": ">=20.6"},
    "workspaces": ["packages/*", "services/*"],
    "dependencies": {"ioredis": "^5.3.0"},
}
_LOCK = {
    "lockfileVersion": 3,
    "packages": {"": {"dependencies": {"ioredis": "^5.3.0"}, "engines": {"node": ">=20.6"}}},
}

FILES = {
    "README.md": _README,
    "docs/events.yaml": _EVENTS,
    "compose.yml": _COMPOSE,
    ".env": "REDIS_URL=redis://127.0.0.1:6379\nLOG_LEVEL=debug\nREDIS_PORT=6379\n",
    ".env.example": "REDIS_URL=\n# LOG_LEVEL=info\nPORT=3000\nBATCH=10\nREDIS_PORT=6379\n",
    ".nvmrc": "v20.11.1\n",
    "package.json": json.dumps(_ROOT, indent=2),
    "package-lock.json": json.dumps(_LOCK, indent=2),
    "pyproject.toml": '[project]\nname = "shop"\nrequires-python = ">=3.11,<3.15"\n',
    "packages/shared/package.json": '{\n  "name": "@shop/shared",\n  "main": "index.ts"\n}\n',
    "packages/shared/index.ts": _SHARED_TS,
    "shared/names.py": _NAMES,
    "services/gateway/main.ts": _GATEWAY,
    "services/gateway/Dockerfile": 'FROM node:20-alpine AS build\nFROM node:20-alpine\nEXPOSE 3000\nCMD ["node", "main.ts"]\n',
    "services/billing/main.py": _BILLING,
    "services/billing/model.py": _MODEL,
    "services/billing/Dockerfile": "ARG PYTHON=3.12\nFROM python:${PYTHON}-slim\nEXPOSE 8001 8002\n",
    "services/mails/main.ts": _reader("MAILERS"),
    "services/stock/main.ts": _reader("STOCK"),
}  # fmt: skip

GROUPS = {
    "shop.orders.placed": {"billing": 1},
    "shop.orders.paid": {"mailers": 1, "stock": 1},
    "shop.prices.eur": {},
}
"""What its server has: stream → group → number of consumers."""

ENTRIES = {
    "shop.orders.placed": [
        {"version": "int", "correlation_id": "id", "order_id": "id", "total": "float"},
        {"version": "int", "correlation_id": "id", "order_id": "int", "total": "int", "note": "empty"},
    ],
    "shop.orders.paid": [{"version": "int", "correlation_id": "id", "order_id": "id"}],
    "shop.prices.eur": [{"version": "int", "correlation_id": "id"}],
}
"""The shapes of its entries."""
