import { type JsonObject, parseJsonObject } from './json-scan.ts';

/** A compact JWS that is well formed; nothing in it is proven yet. */
export interface DecodedToken {
  readonly header: JsonObject;
  readonly payload: JsonObject;
  readonly alg: string;
  readonly kid: string | undefined;
  readonly typ: string | undefined;
  /** `header.payload`, the octets that the signature covers (RFC 7515 §5.2). */
  readonly signingInput: Buffer;
  readonly signature: Buffer;
}

type Refusal = { readonly ok: false; readonly detail: string };
type Decoded = { readonly ok: true; readonly token: DecodedToken } | Refusal;
type Envelope = Omit<DecodedToken, 'payload'> & { readonly payloadBytes: Buffer };

const maxTokenChars = 16_384;
const maxKidChars = 256;
const headerLimits = { maxDepth: 16, maxMembers: 64 };
const claimLimits = { maxDepth: 16, maxMembers: 256 };

/** Header members that would change what is verified or bring their own key (threats T2, T3). */
const refusedMembers = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'zip'] as const;

const refuse = (detail: string): Refusal => ({ ok: false, detail });

/** Decodes a compact JWS whose payload is a JSON object, by the strict rules T2–T7 (security.md). Never throws. */
export function decodeCompact(text: string): Decoded {
  const decoded = decodeEnvelope(text);
  if (!decoded.ok) return decoded;
  const { payloadBytes, ...envelope } = decoded.envelope;
  const payload = parseJsonObject(payloadBytes, claimLimits);
  return payload.ok
    ? { ok: true, token: { ...envelope, payload: payload.value } }
    : refuse(`payload: ${payload.detail}`);
}

/** The part of `decodeCompact` that does not depend on what the payload is. */
export function decodeEnvelope(text: string): { readonly ok: true; readonly envelope: Envelope } | Refusal {
  if (text.length > maxTokenChars) return refuse('larger than 16 KiB');
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  if (first === -1 || second === -1 || text.indexOf('.', second + 1) !== -1) return refuse('not three parts');

  // Encoding before anything else: one token must have one spelling, or replay keys and audit disagree (T6).
  const headerBytes = decodeBase64url(text.slice(0, first));
  const payloadBytes = decodeBase64url(text.slice(first + 1, second));
  const signature = decodeBase64url(text.slice(second + 1));
  if (headerBytes === undefined || payloadBytes === undefined || signature === undefined) {
    return refuse('not canonical base64url');
  }

  const header = parseJsonObject(headerBytes, headerLimits);
  if (!header.ok) return refuse(`header: ${header.detail}`);
  const fault = headerFault(header.value);
  if (fault !== undefined) return refuse(fault);
  const { alg, kid, typ } = header.value as { alg: string; kid?: string; typ?: string };
  const signingInput = Buffer.from(text.slice(0, second), 'latin1');
  return {
    ok: true,
    envelope: { header: header.value, alg, kid, typ, payloadBytes, signingInput, signature },
  };
}

function headerFault(header: JsonObject): string | undefined {
  const { alg, kid, typ } = header;
  for (const name of refusedMembers) if (Object.hasOwn(header, name)) return `header carries ${name}`;
  if (typeof alg !== 'string') return 'alg is not a string';
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > maxKidChars))
    return 'kid is not a short string';
  if (typ !== undefined && typeof typ !== 'string') return 'typ is not a string';
  return undefined;
}

/** Decodes base64url without padding; `undefined` unless encoding the result again yields the same text. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
