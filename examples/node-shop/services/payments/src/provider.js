import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const AUTHORISE_MS = 15;

/** The payment provider's sandbox: says yes to everything after a moment. */
export class Provider {
  constructor({ url, apiKey }) {
    this.url = url;
    this.apiKey = apiKey;
  }

  /** Authorises an amount and returns the provider's reference. */
  async authorise(orderId, cents) {
    await sleep(AUTHORISE_MS);
    const signed = createHmac('sha256', this.apiKey).update(`${this.url}/${orderId}/${cents}`).digest('hex');
    return `auth-${signed.slice(0, 12)}`;
  }
}
