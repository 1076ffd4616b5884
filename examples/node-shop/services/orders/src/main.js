import {
  consume, ensureGroup, envelope, GROUPS, publish, required, STREAMS, untilStopped,
} from '@node-shop/shared';
import { Redis } from 'ioredis';
import pino from 'pino';

const log = pino({ name: 'orders', level: process.env.LOG_LEVEL ?? 'info' });
const signal = untilStopped();
const redis = new Redis(required('REDIS_URL'), { connectionName: 'orders' });
const onError = (error) => log.error({ err: error }, 'order not handled');
redis.on('error', onError);

/** Asks for the payment of a new order. */
async function requestPayment({ correlationId, data: order }, messageId) {
  const request = envelope('payment-requested', order, correlationId);
  await publish(redis, STREAMS.paymentsRequested, request);
  log.info({ correlationId, messageId, orderId: order.orderId }, 'payment requested');
}

/** A paid order is confirmed: the warehouse packs it and the customer hears of it. */
async function confirm({ correlationId, data: { order, reference } }, messageId) {
  const confirmed = envelope('order-confirmed', { ...order, reference }, correlationId);
  await publish(redis, STREAMS.ordersConfirmed, confirmed);
  log.info({ correlationId, messageId, orderId: order.orderId }, 'order confirmed');
}

await ensureGroup(redis, STREAMS.ordersPlaced, GROUPS.orders);
await ensureGroup(redis, STREAMS.paymentsSettled, GROUPS.orders);
// Readers of confirmed orders must not miss the first ones, however late they start.
for (const group of [GROUPS.warehouse, GROUPS.notifications, GROUPS.loyalty]) {
  await ensureGroup(redis, STREAMS.ordersConfirmed, group);
}

const shared = { group: GROUPS.orders, consumer: 'orders-1', signal, onError };
log.info('ready');
await Promise.all([
  consume(redis, { ...shared, stream: STREAMS.ordersPlaced }, requestPayment),
  consume(redis, { ...shared, stream: STREAMS.paymentsSettled }, confirm),
]);
await redis.quit();
log.info('stopped');
