/** Ends what the start scripts started: node scripts/stop.mjs NAME ... */
import { end } from './processes.mjs';

const names = process.argv.slice(2);
const outcomes = await Promise.all(names.map(end));
names.forEach((name, at) => console.log(`${name} ${outcomes[at]}`));
