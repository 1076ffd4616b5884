import { randomUUID } from 'node:crypto';

/** The fields of an event. The correlation id begins with an order and stays with all that follows from it. */
export function envelope(type, data, correlationId = randomUUID()) {
  return {
    eventId: randomUUID(),
    type,
    correlationId,
    occurredAt: new Date().toISOString(),
    data: JSON.stringify(data),
  };
}

/** Field and value in turns, as the protocol wants them. */
export function flat(fields) {
  return Object.entries(fields).flat();
}

/** The event of a stream entry, whose fields are an object or come in turns. */
export function eventOf(fields) {
  const named = Array.isArray(fields) ? pairs(fields) : fields;
  return { ...named, data: JSON.parse(named.data) };
}

function pairs(turns) {
  const named = {};
  for (let at = 0; at < turns.length; at += 2) {
    named[turns[at]] = turns[at + 1];
  }
  return named;
}
