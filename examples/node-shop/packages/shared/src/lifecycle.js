/** Aborted at the first SIGTERM or SIGINT; a second one changes nothing. */
export function untilStopped() {
  const stopping = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT']) {
    process.on(name, () => stopping.abort());
  }
  return stopping.signal;
}

/** The value of a variable that the service cannot do without. */
export function required(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set; see .env`);
  }
  return value;
}
