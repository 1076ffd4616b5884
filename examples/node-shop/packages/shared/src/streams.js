/** Every stream and every consumer group of the shop; the README has the map. */
export const STREAMS = Object.freeze({
  ordersPlaced: 'shop:orders:placed',
  ordersConfirmed: 'shop:orders:confirmed',
  paymentsRequested: 'shop:payments:requested',
  paymentsSettled: 'shop:payments:settled',
  parcelsDispatched: 'shop:parcels:dispatched',
  deadLetters: 'shop:dead-letters',
});

export const GROUPS = Object.freeze({
  orders: 'orders',
  payments: 'payments',
  warehouse: 'warehouse',
  notifications: 'notifications',
  loyalty: 'loyalty',
});

/** About half an hour of orders at peak: how long a consumer may be away and still miss nothing. */
export const STREAM_LENGTH = 10_000;

export const BLOCK_MS = 1_000;
export const BATCH = 32;
