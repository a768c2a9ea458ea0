import { parseClientId } from '../kernel/ids.ts';
import { invalidParameter } from './grant.ts';
import type { Form, TokenRequest } from './model.ts';

/** How a client says who it is; nothing is proven yet. Exactly one method a request (RFC 6749 §2.3). */
export type ClientProof =
  | { readonly method: 'secret'; readonly clientId: string; readonly secret: string }
  | { readonly method: 'assertion'; readonly clientId: string | undefined; readonly assertion: string };

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Finds the one authentication method of a request. Throws `invalid_request` for none, two or a malformed one. */
export function readClientProof({ form, authorization }: TokenRequest): ClientProof {
  const hasAssertion = form.has('client_assertion') || form.has('client_assertion_type');
  const hasSecret = form.has('client_secret');
  if (authorization !== undefined) {
    if (hasAssertion || hasSecret) throw invalidParameter('client authentication', 'uses two methods');
    return fromBasic(authorization, form);
  }
  if (hasAssertion && hasSecret) throw invalidParameter('client authentication', 'uses two methods');
  return hasAssertion ? fromAssertion(form) : fromSecret(form);
}

function fromSecret(form: Form): ClientProof {
  const clientId = form.get('client_id');
  const secret = form.get('client_secret');
  if (!clientId) throw invalidParameter('client_id', 'is missing');
  if (!secret) throw invalidParameter('client_secret or client_assertion', 'is missing');
  return { method: 'secret', clientId, secret };
}

function fromAssertion(form: Form): ClientProof {
  if (form.get('client_assertion_type') !== assertionType) {
    throw invalidParameter('client_assertion_type', 'is missing or not supported');
  }
  const assertion = form.get('client_assertion');
  if (!assertion) throw invalidParameter('client_assertion', 'is missing');
  return { method: 'assertion', clientId: form.get('client_id') || undefined, assertion };
}

/**
 * RFC 6749 §2.3.1: both parts form-url-encoded, joined by a colon. A raw colon is tolerated: the id ends at the first
 * colon behind `/spc` or `/pcc` (contract §2.1).
 */
function fromBasic(authorization: string, form: Form): ClientProof {
  const match = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization);
  const text = match === null ? undefined : Buffer.from(match[1] as string, 'base64').toString('utf8');
  const parts = text === undefined ? undefined : splitBasic(text);
  if (parts === undefined) throw invalidParameter('Authorization', 'is not a well-formed Basic credential');
  const named = form.get('client_id');
  if (named !== undefined && named !== parts.clientId) {
    throw invalidParameter('client_id', 'differs from the one in Authorization');
  }
  return { method: 'secret', ...parts };
}

function splitBasic(text: string): { clientId: string; secret: string } | undefined {
  const raw = /^(.*?\/(?:spc|pcc)):(.+)$/s.exec(text);
  if (raw !== null && parseClientId(raw[1] as string) !== undefined) {
    const secret = formDecode(raw[2] as string);
    return secret === undefined ? undefined : { clientId: raw[1] as string, secret };
  }
  const colon = text.indexOf(':');
  const clientId = colon <= 0 ? undefined : formDecode(text.slice(0, colon));
  const secret = colon <= 0 ? undefined : formDecode(text.slice(colon + 1));
  return clientId && secret ? { clientId, secret } : undefined;
}

function formDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
