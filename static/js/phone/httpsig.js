/* Signed requests: HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530), as protocol §3 wants them. */
import { base64, sha256, toB64url, utf8 } from "./bytes.js";
import { sign } from "./keys.js";

const ALGORITHM = "ecdsa-p256-sha256";
const COVERED_WHEN_PRESENT = ["content-digest", "content-type", "idempotency-key"];

export const contentDigest = async (body) => `sha-256=:${base64(await sha256(body))}:`;

/* Returns headers with signature and digest added. Names of headers in lower case; body bytes, empty for none; created
   in epoch seconds, nonce 16 bytes, keyid the device id (for an enrolment, base64url of the key's id). */
export const signed = async ({ pair, keyid, method, url, headers, body, created, nonce }) => {
  const sent = { ...headers };
  if (body.length) sent["content-digest"] = await contentDigest(body);
  const fields = COVERED_WHEN_PRESENT.filter((name) => sent[name]);
  const names = ["@method", "@target-uri", ...fields];
  const covered =
    `(${names.map((name) => `"${name}"`).join(" ")});created=${created};nonce="${toB64url(nonce)}"` +
    `;keyid="${keyid}";alg="${ALGORITHM}"`;
  const lines = [
    `"@method": ${method}`,
    `"@target-uri": ${url}`,
    ...fields.map((name) => `"${name}": ${sent[name]}`),
    `"@signature-params": ${covered}`,
  ];
  sent["signature-input"] = `sig1=${covered}`;
  sent.signature = `sig1=:${base64(await sign(pair, utf8(lines.join("\n"))))}:`;
  return sent;
};
