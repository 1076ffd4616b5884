import { setTimeout as sleep } from 'node:timers/promises';

const SEND_MS = 40;

export function orderText(order) {
  return `Thank you! ${order.quantity} x ${order.sku}, ${(order.totalCents / 100).toFixed(2)} paid.`;
}

export function parcelText(parcel) {
  return `Your parcel ${parcel.tracking} is on its way.`;
}

/** Hands a text to the phone network, here a pause, and returns what was sent. */
export async function sendText(customer, text) {
  const number = customer.phone.replace(/[^+\d]/g, '');
  await sleep(SEND_MS);
  return { number, text };
}
