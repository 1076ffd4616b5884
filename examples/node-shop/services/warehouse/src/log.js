/** One line of text: time, level, what happened. */
export function log(level, text) {
  console.log(`${new Date().toISOString()} ${level} ${text}`);
}
