import Redis from "ioredis";

const INVOICES = "invoices";
const GROUP = "mailer";
const redis = new Redis(process.env.REDIS_URL ?? "redis://localhost:6379/0");

async function main(): Promise<void> {
  for (;;) {
    const answer = (await redis.xreadgroup("GROUP", GROUP, "mailer-1", "COUNT", 20, "BLOCK", 5000, "STREAMS", INVOICES, ">")) as
      | [string, [string, string[]][]][]
      | null;
    for (const [, entries] of answer ?? []) {
      for (const [id, fields] of entries) {
        console.log("mailing invoice", id, fields.length);
      }
    }
  }
}

void main();
