// Deadlines. Every wait of the suite ends here: it gets what it waits for, or fails and names it.

/** Ample for one edge on this machine; a wait that needs longer says so itself. */
export const DEADLINE_MS = 5_000;

/**
 * Resolves as `promise` does, or rejects with an error that names `what` once `deadlineMs` have passed.
 *
 * `what` is a text, or a function where the text is worth building only on failure.
 */
export async function until(what, promise, deadlineMs = DEADLINE_MS) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const awaited = typeof what === "function" ? what() : what;
      reject(new Error(`after ${deadlineMs} ms still waiting for ${awaited}`));
    }, deadlineMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Looks until there is something to be found, and resolves with it. */
export async function found(what, look, deadlineMs = DEADLINE_MS) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const it = await look();
    if (it) return it;
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
