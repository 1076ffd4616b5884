import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const CUSTOMERS = [
  { name: 'Ada Byron', phone: '+44 20 5550 0101', pays: 'card' },
  { name: 'Grete Hermann', phone: '+49 30 555 0102', pays: 'card' },
  { name: 'Corner Books Ltd', phone: '+44 20 5550 0103', pays: 'invoice' },
  { name: 'Emmy Noether', phone: '+49 9131 555 104', pays: 'card' },
  { name: 'Sofya Kovalevskaya', phone: '+46 8 555 0105', pays: 'card' },
  { name: 'Mary Somerville', pays: 'card' },
  { name: 'Hypatia Library', phone: '+20 3 555 0107', pays: 'card' },
  { name: 'Rozsa Peter', phone: '+36 1 555 0108', pays: 'card' },
  { name: 'Sophie Germain', phone: '+33 1 5555 0109', pays: 'card' },
  { name: 'Harbour School', phone: '+47 55 55 01 10', pays: 'invoice' },
  { name: 'Grace Hopper', phone: '+1 212 555 0111', pays: 'card' },
  { name: 'Joan Clarke', phone: '+44 20 5550 0112', pays: 'card' },
  { name: 'Kathleen Antonelli', phone: '+1 215 555 0113', pays: 'card' },
  { name: 'Mary Cartwright', phone: '+44 1223 555 114', pays: 'card' },
  { name: 'Olga Taussky', phone: '+43 1 555 0115', pays: 'card' },
  { name: 'Wang Zhenyi', phone: '+86 25 5555 0116', pays: 'card' },
];

const BOOKS = [
  { sku: 'elements', price: 3200 },
  { sku: 'principia', price: 4150 },
  { sku: 'almagest', price: 2890 },
  { sku: 'conics', price: 1975 },
  { sku: 'arithmetica', price: 2340 },
];

/** Shoppers that order at a steady pace, in turn. */
export class Shoppers {
  constructor(ordersPerSecond) {
    this.pauseMs = 1000 / ordersPerSecond;
    this.turn = 0;
  }

  /** One order; what is not `wanted` is chosen for the shopper whose turn it is. */
  order(wanted = {}) {
    const turn = this.turn++;
    const { sku, price } = BOOKS.find((book) => book.sku === wanted.sku) ?? BOOKS[turn % BOOKS.length];
    const quantity = wanted.quantity ?? 1 + (turn % 3);
    return {
      orderId: randomUUID(),
      customer: CUSTOMERS[turn % CUSTOMERS.length],
      sku,
      quantity,
      totalCents: price * quantity,
    };
  }

  /** Hands an order to `place` again and again until `signal` is aborted. */
  async shop(place, signal) {
    let next = Date.now();
    while (!signal.aborted) {
      await place(this.order());
      next = Math.max(next + this.pauseMs, Date.now());
      await sleep(next - Date.now());
    }
  }
}
