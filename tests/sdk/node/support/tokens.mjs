// Credentials as the SDK takes them. Tokens are signed by hand, so that a test can also sign a wrong one.

import { createHmac } from "node:crypto";

import { SECRET } from "./config.mjs";

const HOUR_S = 3_600;

/** Unix seconds, now plus `offsetS`. */
export function unixSeconds(offsetS = 0) {
  return Math.floor(Date.now() / 1000) + offsetS;
}

/** Credentials of the peer `sub` in the demo app, with further `claims`. */
export function asPeer(sub, claims = {}) {
  return withToken(() => signToken(SECRET.demo, { sub, ...claims }));
}

/** Credentials that present what `token` returns; the SDK asks anew on every connect. */
export function withToken(token) {
  return { tokenProvider: async () => token() };
}

/** Credentials of a publishable key. */
export function withKey(apiKey) {
  return { apiKey };
}

/** A JWT of `key` that is valid for an hour unless `claims` say otherwise. */
export function signToken(key, claims, header = {}) {
  const signed = [
    encode({ alg: "HS256", typ: "JWT", kid: key.id, ...header }),
    encode({ exp: unixSeconds(HOUR_S), ...claims }),
  ].join(".");
  // The secret is used as it is written, not decoded.
  return `${signed}.${createHmac("sha256", key.secret).update(signed).digest("base64url")}`;
}

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
