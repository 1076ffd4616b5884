import { randomUUID } from "node:crypto";
import Redis from "ioredis";
import pino from "pino";

const INVOICES = "invoices";
const log = pino({ name: "billing" });
const redis = new Redis(process.env.REDIS_URL ?? "redis://localhost:6379/0");

export async function bill(amount: string): Promise<void> {
  const id = randomUUID();
  await redis.xadd(INVOICES, "*", "correlationId", id, "amount", amount);
  log.info({ id }, "billed");
}
