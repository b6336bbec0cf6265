// Waiting with a time limit.

/**
 * Wait for an event. @param {EventTarget} target @param {string} name
 * @param {AbortSignal} [signal] also ends the wait @param {number} [most] milliseconds to wait
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

/** @param {number} milliseconds @param {AbortSignal} signal also ends the wait */
export const pause = (milliseconds, signal) => once(signal, 'abort', signal, milliseconds);

/**
 * Call `work` while fewer than `most` windows of the browser do so; over plain HTTP they cannot be counted.
 * @param {number} most @param {() => Promise<void>} work @returns {Promise<boolean>} whether it was done
 */
export async function amongFew(most, work) {
  const locks = globalThis.navigator?.locks;
  if (!locks) return work().then(() => true);
  for (let place = 0; place < most; place++) {
    const isFree = await locks.request(`podium ${place}`, { ifAvailable: true }, async (lock) => {
      if (lock) await work();
      return lock !== null;
    });
    if (isFree) return true;
  }
  return false;
}

/** Wait until the browser has done its other tasks. */
export function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(port1.close());
    port2.postMessage(0);
  });
}
