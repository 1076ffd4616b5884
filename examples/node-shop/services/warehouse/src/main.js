import {
  consume, ensureGroup, envelope, flat, GROUPS, required, STREAMS, untilStopped,
} from '@node-shop/shared';
import { Redis } from 'ioredis';

import { log } from './log.js';

const signal = untilStopped();
const redis = new Redis(required('REDIS_URL'), { connectionName: 'warehouse' });
const onError = (error) => log('ERROR', `parcel not packed: ${error.stack}`);
redis.on('error', onError);

let parcels = 0;

/** Packs a confirmed order and hands the parcel to the carrier. */
async function dispatch({ correlationId, data: order }, messageId) {
  parcels += 1;
  const parcel = {
    orderId: order.orderId,
    customer: order.customer,
    sku: order.sku,
    quantity: order.quantity,
    tracking: `NS${String(parcels).padStart(8, '0')}`,
  };
  const event = envelope('parcel-dispatched', parcel, correlationId);
  await redis.xadd(STREAMS.parcelsDispatched, '*', ...flat(event));
  log('INFO', `dispatched ${parcel.tracking} for message ${messageId} correlationId=${correlationId}`);
}

await ensureGroup(redis, STREAMS.ordersConfirmed, GROUPS.warehouse);
log('INFO', 'ready');
const options = { stream: STREAMS.ordersConfirmed, group: GROUPS.warehouse, consumer: 'packer-1', signal, onError };
await consume(redis, options, dispatch);
await redis.quit();
log('INFO', 'stopped');
