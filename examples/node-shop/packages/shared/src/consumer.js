import { envelope, eventOf, flat } from './envelope.js';
import { BATCH, BLOCK_MS, STREAM_LENGTH, STREAMS } from './streams.js';

/** Adds an event to a stream and returns its id. For ioredis. */
export function publish(redis, stream, event) {
  return redis.xadd(stream, 'MAXLEN', '~', STREAM_LENGTH, '*', ...flat(event));
}

/** Makes sure that a group is there, from the beginning of its stream on. For ioredis. */
export async function ensureGroup(redis, stream, group) {
  try {
    await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM');
  } catch (error) {
    if (!error.message.includes('BUSYGROUP')) {
      throw error;
    }
  }
}

/**
 * Reads a group until `signal` is aborted. For ioredis.
 *
 * An event is acknowledged when `handle` has returned; one that cannot be handled goes to the dead letters.
 */
export async function consume(redis, { stream, group, consumer, signal, onError }, handle) {
  const reader = redis.duplicate();
  reader.on('error', onError);
  while (!signal.aborted) {
    const replies = await reader.xreadgroup(
      'GROUP', group, consumer, 'COUNT', BATCH, 'BLOCK', BLOCK_MS, 'STREAMS', stream, '>',
    );
    for (const [, entries] of replies ?? []) {
      for (const [id, fields] of entries) {
        try {
          await handle(eventOf(fields), id);
        } catch (error) {
          onError(error);
          await publish(redis, STREAMS.deadLetters, deadLetter(stream, id, error));
        }
        await redis.xack(stream, group, id);
      }
    }
  }
  await reader.quit();
}

/** What is kept of an event that could not be handled. */
export function deadLetter(stream, id, error) {
  return envelope('dead-letter', { stream, id, reason: error.message });
}
