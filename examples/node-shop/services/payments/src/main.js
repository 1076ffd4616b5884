import {
  BATCH, BLOCK_MS, deadLetter, envelope, eventOf, GROUPS, required, STREAM_LENGTH, STREAMS, untilStopped,
} from '@node-shop/shared';
import pino from 'pino';
import { createClient } from 'redis';

import { Provider } from './provider.js';

const CONSUMER = 'payments-1';
const TRIM = { strategy: 'MAXLEN', strategyModifier: '~', threshold: STREAM_LENGTH };

const log = pino({ name: 'payments', level: process.env.LOG_LEVEL ?? 'info' });
const signal = untilStopped();
const client = createClient({ url: required('REDIS_URL'), name: 'payments' });
client.on('error', (error) => log.error({ err: error }, 'redis connection'));
await client.connect();

const account = { url: required('PSP_URL'), apiKey: required('PSP_API_KEY') };
const provider = new Provider(account);
log.info({ account }, 'payment provider configured');

try {
  await client.xGroupCreate(STREAMS.paymentsRequested, GROUPS.payments, '0', { MKSTREAM: true });
} catch (error) {
  if (!error.message.includes('BUSYGROUP')) {
    throw error;
  }
}

/** Settles what is paid by card; what goes on account waits for the credit check. */
async function settle({ correlationId, data: order }, messageId) {
  if (order.customer.pays === 'invoice') {
    log.info({ correlationId, messageId, orderId: order.orderId }, 'waiting for the credit check');
    return false;
  }
  const reference = await provider.authorise(order.orderId, order.totalCents);
  const settled = envelope('payment-settled', { order, reference }, correlationId);
  await client.xAdd(STREAMS.paymentsSettled, '*', settled, { TRIM });
  log.info({ correlationId, messageId, orderId: order.orderId, reference }, 'payment settled');
  return true;
}

async function handle({ id, message }) {
  try {
    if (!(await settle(eventOf(message), id))) {
      return;
    }
  } catch (error) {
    log.error({ err: error, messageId: id }, 'payment not handled');
    const lost = deadLetter(STREAMS.paymentsRequested, id, error);
    await client.xAdd(STREAMS.deadLetters, '*', lost, { TRIM });
  }
  await client.xAck(STREAMS.paymentsRequested, GROUPS.payments, id);
}

const reader = client.duplicate();
reader.on('error', (error) => log.error({ err: error }, 'redis connection'));
await reader.connect();
log.info('ready');
while (!signal.aborted) {
  const replies = await reader.xReadGroup(
    GROUPS.payments,
    CONSUMER,
    { key: STREAMS.paymentsRequested, id: '>' },
    { COUNT: BATCH, BLOCK: BLOCK_MS },
  );
  for (const entry of replies?.[0]?.messages ?? []) {
    await handle(entry);
  }
}
await reader.close();
await client.close();
log.info('stopped');
