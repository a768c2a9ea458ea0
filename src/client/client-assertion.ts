import { createPrivateKey, sign } from 'node:crypto';
import type { Clock, RandomBytes } from '../kernel/ports.ts';

const lifetimeSeconds = 120;

/**
 * A signed client assertion (RFC 7523 §2.2) in the dialect of the contract's public clients: bare host as audience, a
 * `nonce` header, `nbf` two minutes back.
 *
 * @param secret `secret-token:<label>:v1:<base64url private JWK>`; throws when it is no such text.
 * @param audience Bare host name of the gateway.
 */
export function createClientAssertion(
  deps: { readonly clock: Pick<Clock, 'nowMs'>; readonly random: RandomBytes },
  { clientId, secret, audience }: { clientId: string; secret: string; audience: string },
): string {
  const jwk = JSON.parse(Buffer.from(secret.split(':')[3] ?? '', 'base64url').toString());
  const now = Math.floor(deps.clock.nowMs() / 1000);
  const header = { alg: 'EdDSA', nonce: deps.random(16).toString('hex') };
  const payload = {
    iss: clientId,
    sub: clientId,
    aud: [audience],
    exp: now + lifetimeSeconds,
    nbf: now - lifetimeSeconds,
    iat: now,
  };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signingInput = `${encode(header)}.${encode(payload)}`;
  const signature = sign(null, Buffer.from(signingInput), createPrivateKey({ key: jwk, format: 'jwk' }));
  return `${signingInput}.${signature.toString('base64url')}`;
}
