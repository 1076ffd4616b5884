/** Runs one service in this process and notes it for `npm run dev:stop`: node scripts/service.mjs NAME */
import { forget, record, refuseSecond } from './processes.mjs';

const name = process.argv[2];
refuseSecond(name);
record(name, process.pid);
process.on('exit', () => forget(name));
await import(`../services/${name}/src/main.js`);
