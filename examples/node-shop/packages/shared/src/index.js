export * from './consumer.js';
export * from './envelope.js';
export * from './lifecycle.js';
export * from './streams.js';
