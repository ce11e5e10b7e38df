// The REST control plane, as an application's backend calls it.

import { SECRET } from "./config.mjs";
import { DEADLINE_MS } from "./until.mjs";

/**
 * One call under `/v1` with the credentials of `key`; resolves to `{ status, body }`.
 *
 * `authorization` replaces the header as a whole, for calls that must be refused.
 */
export async function rest(edge, method, path, { body, key = SECRET.demo, authorization } = {}) {
  const response = await fetch(`${edge.httpUrl}/v1${path}`, {
    method,
    headers: {
      authorization: authorization ?? `Bearer ${key.id}:${key.secret}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: typeof body === "string" || body === undefined ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}
