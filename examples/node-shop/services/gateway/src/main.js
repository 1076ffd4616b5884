import { createServer } from 'node:http';

import { envelope, publish, required, STREAMS, untilStopped } from '@node-shop/shared';
import { Redis } from 'ioredis';
import pino from 'pino';

import { Shoppers } from './shoppers.js';

const log = pino({ name: 'gateway', level: process.env.LOG_LEVEL ?? 'info' });
const signal = untilStopped();
const redis = new Redis(required('REDIS_URL'), { connectionName: 'gateway' });
redis.on('error', (error) => log.error({ err: error }, 'redis connection'));

async function place(order) {
  const event = envelope('order-placed', order);
  const { correlationId } = event;
  const messageId = await publish(redis, STREAMS.ordersPlaced, event);
  log.info({ correlationId, messageId, orderId: order.orderId }, 'order placed');
  return { orderId: order.orderId, correlationId };
}

/** The order that a request asks for; null where its body is none. */
async function wantedBy(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  try {
    return Object(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  } catch {
    return null;
  }
}

async function answer(request) {
  if (request.method === 'GET' && request.url === '/health') {
    return redis.status === 'ready' ? [200, { status: 'ok' }] : [503, { status: redis.status }];
  }
  if (request.method === 'POST' && request.url === '/orders') {
    const wanted = await wantedBy(request);
    return wanted === null ? [400, { message: 'not JSON' }] : [202, await place(shoppers.order(wanted))];
  }
  return [404, { message: 'no such page' }];
}

const shoppers = new Shoppers(Number(process.env.ORDERS_PER_SECOND ?? 5));

const server = createServer((request, response) => {
  answer(request)
    .catch((error) => {
      log.error({ err: error }, 'request');
      return [500, { message: 'internal error' }];
    })
    .then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
});

const port = Number(process.env.GATEWAY_PORT ?? process.env.PORT ?? 3201);
server.listen(port, '127.0.0.1', () => log.info({ port }, 'listening'));

await shoppers.shop(place, signal);

server.close();
server.closeAllConnections();
await redis.quit();
log.info('stopped');
