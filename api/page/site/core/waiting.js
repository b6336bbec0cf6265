// Waiting for something, but not without end.

/**
 * Wait for an event. @param {EventTarget} target @param {string} name
 * @param {AbortSignal} [signal] ends the waiting, too @param {number} [most] milliseconds to wait
 */
export function once(target, name, signal, most) {
  return new Promise((resolve) => {
    const ended = new AbortController();
    const timer = most === undefined ? 0 : setTimeout(end, most);
    function end() {
      clearTimeout(timer);
      resolve(ended.abort());
    }
    target.addEventListener(name, end, { signal: ended.signal });
    signal?.addEventListener('abort', end, { signal: ended.signal });
    if (signal?.aborted) end();
  });
}

/** @param {number} milliseconds @param {AbortSignal} signal ends the waiting, too */
export const pause = (milliseconds, signal) => once(signal, 'abort', signal, milliseconds);

/** Wait until the browser has done what else it has to do. */
export function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(port1.close());
    port2.postMessage(0);
  });
}
