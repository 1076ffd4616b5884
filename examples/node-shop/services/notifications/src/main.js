import {
  BATCH, BLOCK_MS, deadLetter, eventOf, GROUPS, required, STREAM_LENGTH, STREAMS, untilStopped,
} from '@node-shop/shared';
import { createClient } from 'redis';

import { orderText, parcelText, sendText } from './texts.js';

const CONSUMER = 'messenger-1';
const GROUP = GROUPS.notifications;
const IDLE_MS = '60000';

const stamp = () => new Date().toISOString();
const onError = (error) => console.error(`${stamp()} ERROR ${error.stack}`);
process.on('unhandledRejection', (reason) => {
  console.error(`${stamp()} ERROR unhandled rejection: ${reason.stack}`);
});

const signal = untilStopped();
const client = createClient({ url: required('REDIS_URL'), name: 'notifications' });
client.on('error', onError);
await client.connect();

/** Texts the customer of an event; a text takes its time, and the next event does not wait for it. */
function notify({ type, correlationId, data }, messageId) {
  const text = type === 'order-confirmed' ? orderText(data) : parcelText(data);
  sendText(data.customer, text);
  console.log(`${stamp()} INFO ${type} ${messageId} told to ${data.customer.name} correlationId=${correlationId}`);
}

async function handle(stream, id, fields) {
  try {
    notify(eventOf(fields), id);
  } catch (error) {
    onError(error);
    const TRIM = { strategy: 'MAXLEN', strategyModifier: '~', threshold: STREAM_LENGTH };
    await client.xAdd(STREAMS.deadLetters, '*', deadLetter(stream, id, error), { TRIM });
  }
  await client.xAck(stream, GROUP, id);
}

/** Makes sure of the group, and takes over what an earlier run of this service left pending. */
async function join(stream) {
  try {
    await client.sendCommand(['XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM']);
  } catch (error) {
    if (!error.message.includes('BUSYGROUP')) {
      throw error;
    }
  }
  const [, entries] = await client.sendCommand(['XAUTOCLAIM', stream, GROUP, CONSUMER, IDLE_MS, '0', 'COUNT', '100']);
  for (const [id, fields] of entries) {
    await handle(stream, id, fields);
  }
}

await join(STREAMS.ordersConfirmed);
await join(STREAMS.parcelsDispatched);

const reader = client.duplicate();
reader.on('error', onError);
await reader.connect();
console.log(`${stamp()} INFO ready`);
while (!signal.aborted) {
  const replies = await reader.xReadGroup(
    GROUP,
    CONSUMER,
    [
      { key: STREAMS.ordersConfirmed, id: '>' },
      { key: STREAMS.parcelsDispatched, id: '>' },
    ],
    { COUNT: BATCH, BLOCK: BLOCK_MS },
  );
  for (const { name, messages } of replies ?? []) {
    for (const { id, message } of messages) {
      await handle(name, id, message);
    }
  }
}
await reader.close();
await client.close();
console.log(`${stamp()} INFO stopped`);
