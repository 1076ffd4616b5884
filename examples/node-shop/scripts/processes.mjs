/**
 * What the start scripts started, one file each in .run/: the process id, and when that process began.
 *
 * A process id is given again one day; the second line tells whether it is still the same process.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const RUN_FOLDER = fileURLToPath(new URL('../.run/', import.meta.url));

const LOOK_EVERY_MS = 50;
const PATIENCE_MS = 8_000;

const fileOf = (name) => `${RUN_FOLDER}${name}.pid`;

/** Throws where a process runs under this name already. */
export function refuseSecond(name) {
  const other = running(name);
  if (other !== null) {
    throw new Error(`${name} runs already as process ${other}`);
  }
}

/** Notes a process under a name. */
export function record(name, pid) {
  mkdirSync(RUN_FOLDER, { recursive: true });
  writeFileSync(fileOf(name), `${pid}\n${beganAt(pid)}\n`);
}

/** Removes the note of a process that has ended, or is about to. */
export function forget(name) {
  rmSync(fileOf(name), { force: true });
}

/** The process id noted under a name, or null where that process does not run. */
export function running(name) {
  let noted;
  try {
    noted = readFileSync(fileOf(name), 'utf8').split('\n');
  } catch (error) {
    if (error.code === 'ENOENT') {
      return null;
    }
    throw error;
  }
  const pid = Number(noted[0]);
  return pid > 0 && beganAt(pid) === noted[1] ? pid : null;
}

/** Asks a process to end, insists after a while, and returns what became of it. */
export async function end(name) {
  const pid = running(name);
  if (pid === null) {
    forget(name);
    return 'was not running';
  }
  process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + PATIENCE_MS;
  let outcome = 'stopped';
  while (running(name) === pid) {
    if (Date.now() > deadline && outcome === 'stopped') {
      process.kill(pid, 'SIGKILL');
      outcome = `did not stop within ${PATIENCE_MS / 1000} s and was killed`;
    }
    await sleep(LOOK_EVERY_MS);
  }
  forget(name);
  return outcome;
}

/** When a process began, as the system writes it; "" where there is none or it only waits to be reaped. */
function beganAt(pid) {
  try {
    if (process.platform === 'linux') {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      return fields[0] === 'Z' ? '' : fields[19];
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}
