import { EgressFailed, EgressRefused, type GatewayError, invalidArgument } from '../kernel/errors.ts';
import type { Fetch } from '../kernel/ports.ts';
import { type JsonObject, parseJsonObject } from './json-scan.ts';
import type { VerificationKey } from './jws-algorithms.ts';
import { type LintedKeySet, lintKeySet } from './key-linter.ts';

interface DiscoveryOptions {
  /** Development only: `http://` issuers; the egress guard admits none but those on the loopback. */
  readonly allowInsecure: boolean;
}

export interface DiscoveredIssuer {
  /** As the discovery document spells it: what `iss` is compared with. */
  readonly issuer: string;
  readonly jwksUri: string;
  readonly keys: readonly VerificationKey[];
}

type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly why: string };
const refuse = (why: string): { readonly ok: false; readonly why: string } => ({ ok: false, why });

const maxIssuerChars = 255;
const maxJwksUriChars = 2048;
const documentLimits = { maxDepth: 16, maxMembers: 5_000 };

/**
 * Finds and checks an issuer before it is registered (contract §4.5). The document may spell the issuer as typed or
 * with its trailing slash toggled; both forms have one discovery URL (OpenID Connect Discovery §4).
 * Throws `invalid_argument` on `issuerUrl` with the reason.
 */
export async function discover(
  fetch: Fetch,
  issuerUrl: string,
  options: DiscoveryOptions,
): Promise<DiscoveredIssuer> {
  checkIssuerUrl(issuerUrl, options);
  const toggled = issuerUrl.endsWith('/') ? issuerUrl.slice(0, -1) : `${issuerUrl}/`;
  const document = await readDiscovery(fetch, [issuerUrl, toggled], options);
  if (!document.ok) throw invalidIssuer(document.why);
  const linted = await readKeySet(fetch, document.value.jwksUri);
  if (!linted.ok) throw invalidIssuer(`jwks_uri: ${linted.why}`);
  return { ...document.value, keys: linted.keys };
}

/**
 * Refuses what an issuer may not be (T8): one spelling only, so that byte equality with `iss` means the same URL.
 * Throws `invalid_argument` on `issuerUrl`.
 */
export function checkIssuerUrl(text: string, options: DiscoveryOptions): void {
  const fault = issuerUrlFault(text, options);
  if (fault !== undefined) throw invalidIssuer(fault);
}

const invalidIssuer = (why: string): GatewayError => invalidArgument('issuerUrl', why);

function issuerUrlFault(text: string, options: DiscoveryOptions): string | undefined {
  if (text.length > maxIssuerChars) return `must have at most ${maxIssuerChars} characters`;
  if (!text.startsWith('https://') && !(options.allowInsecure && text.startsWith('http://'))) {
    return 'must begin with https:// in lower case';
  }
  if (!URL.canParse(text)) return 'must be a URL';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || text.includes('@')) return 'must not carry userinfo';
  if (text.includes('?') || text.includes('#')) return 'must not carry a query or fragment';
  if (url.href !== text && url.href !== `${text}/`) {
    return 'must be in normal form: lower-case ASCII host, no default port, no dot segments';
  }
  if (url.hostname.endsWith('.')) return 'must not name a host that ends in a dot';
  if (url.pathname.includes('//')) return 'must not have empty path segments';
  return /^[A-Za-z0-9._~:/-]*$/.test(url.pathname)
    ? undefined
    : 'must have a path of letters, digits and ._~:- only';
}

/** Reads the discovery document of an issuer that may be spelled in the given forms. Never throws. */
export async function readDiscovery(
  fetch: Fetch,
  spellings: readonly [string, ...string[]],
  options: DiscoveryOptions,
): Promise<Outcome<{ issuer: string; jwksUri: string }>> {
  const base = spellings[0].endsWith('/') ? spellings[0].slice(0, -1) : spellings[0];
  const document = await fetchJson(fetch, `${base}/.well-known/openid-configuration`);
  if (!document.ok) return refuse(`discovery: ${document.why}`);
  const { issuer, jwks_uri: jwksUri } = document.value;
  if (typeof issuer !== 'string' || !spellings.includes(issuer)) {
    return refuse(`discovery: the document names another issuer, ${quoted(issuer)}`);
  }
  const fault = jwksUriFault(jwksUri, options);
  return fault === undefined
    ? { ok: true, value: { issuer, jwksUri: jwksUri as string } }
    : refuse(`discovery: ${fault}`);
}

const quoted = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value.slice(0, maxIssuerChars)) : 'not a string';

function jwksUriFault(uri: unknown, options: DiscoveryOptions): string | undefined {
  if (typeof uri !== 'string' || uri.length > maxJwksUriChars || !URL.canParse(uri))
    return 'jwks_uri is not a URL';
  const { protocol, username, password } = new URL(uri);
  if (username !== '' || password !== '') return 'jwks_uri carries userinfo';
  return protocol === 'https:' || (options.allowInsecure && protocol === 'http:')
    ? undefined
    : 'jwks_uri is not https';
}

/** Fetches and lints a key set. Never throws; a set that is accepted has at least one usable key. */
export async function readKeySet(fetch: Fetch, jwksUri: string): Promise<LintedKeySet> {
  const document = await fetchJson(fetch, jwksUri);
  return document.ok ? lintKeySet(document.value) : document;
}

const jsonType = /^application\/(?:[a-z0-9.+-]+\+)?json(?:\s*;|$)/i;

async function fetchJson(fetch: Fetch, url: string): Promise<Outcome<JsonObject>> {
  try {
    const { status, contentType, body } = await fetch(url);
    if (status !== 200) return refuse(`the server answered ${status}`);
    if (!jsonType.test(contentType)) return refuse('the answer is not JSON by its content type');
    const parsed = parseJsonObject(body, documentLimits);
    return parsed.ok ? parsed : refuse(`the answer is ${parsed.detail}`);
  } catch (error) {
    const isTold = error instanceof EgressRefused || error instanceof EgressFailed;
    return refuse(isTold ? error.message : 'the request failed');
  }
}
