import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Client, type Dispatcher } from 'undici';
import { EgressFailed, EgressRefused } from '../kernel/errors.ts';
import type { Fetch, Fetched } from '../kernel/ports.ts';
import {
  type AddressRule,
  compileNetworks,
  isLoopbackAddress,
  isPublicAddress,
  literalAddress,
} from './addresses.ts';

/** Every address of a host name, as the system's resolver gives them. */
type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

interface FetchOptions {
  /** CIDRs of private networks whose issuers the operator trusts; these may listen on any port. */
  readonly allowPrivate: readonly string[];
  /** Development only: `http://` and any port on the loopback. */
  readonly allowInsecureLoopback: boolean;
  readonly resolve?: Resolve;
  readonly timeoutMs?: number;
}

const maxBodyBytes = 256 * 1024;
const defaultTimeoutMs = 5_000;

/**
 * Makes the guarded GET (J1–J4). Each request has its own connection, whose addresses are checked in the look-up that
 * connects: nothing can change between check and use. The answer's status is the caller's to judge, redirects excepted.
 */
export function createFetch(options: FetchOptions): Fetch {
  const { allowInsecureLoopback, resolve = resolveBySystem, timeoutMs = defaultTimeoutMs } = options;
  const isAllowedNetwork = compileNetworks(options.allowPrivate);
  const isOpenLoopback: AddressRule = (address) => allowInsecureLoopback && isLoopbackAddress(address);

  const ruleFor = (url: URL): AddressRule => {
    if (url.username !== '' || url.password !== '') throw new EgressRefused('the URL carries userinfo');
    if (url.protocol === 'http:' && allowInsecureLoopback) return isOpenLoopback;
    if (url.protocol !== 'https:') throw new EgressRefused('the URL is not https');
    const isOwn: AddressRule = (address) => isAllowedNetwork(address) || isOpenLoopback(address);
    return url.port === '' ? (address) => isPublicAddress(address) || isOwn(address) : isOwn;
  };

  return async (text) => {
    if (!URL.canParse(text)) throw new EgressRefused('not a URL');
    const url = new URL(text);
    const isAllowed = ruleFor(url);
    const literal = literalAddress(url.hostname);
    if (literal !== undefined && !isAllowed(literal)) throw refusedAddress(url);
    const client = new Client(url.origin, {
      connect: { lookup: guardedLookup(url, isAllowed, resolve) },
      maxResponseSize: maxBodyBytes,
    });
    // Not an abort signal: the client heeds that only once it is connected.
    const timer = setTimeout(
      () => end(client, new EgressFailed(`no complete answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      return await get(client, url);
    } catch (error) {
      throw translate(error);
    } finally {
      clearTimeout(timer);
      end(client, null);
    }
  };
}

function end(client: Client, reason: EgressFailed | null): void {
  client.destroy(reason).catch(() => undefined);
}

const refusedAddress = (url: URL): EgressRefused =>
  new EgressRefused(`the address or port of ${url.host} is not allowed`);

async function resolveBySystem(hostname: string): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, found) =>
      error === null ? resolve(found) : reject(error),
    );
  });
}

/** Resolves for the connector; one address that is not allowed refuses the host as a whole. */
function guardedLookup(url: URL, isAllowed: AddressRule, resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) callback(new EgressFailed(`${url.host} has no address`), []);
        else if (!addresses.every(({ address }) => isAllowed(address))) callback(refusedAddress(url), []);
        else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, []),
    );
  };
}

async function get(client: Client, url: URL): Promise<Fetched> {
  const answer = await client.request({
    method: 'GET',
    path: `${url.pathname}${url.search}`,
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
  });
  const fault = answerFault(answer);
  if (fault !== undefined) throw new EgressFailed(fault);
  const body = Buffer.from(await answer.body.arrayBuffer());
  return { status: answer.statusCode, contentType: headerOf(answer, 'content-type'), body };
}

function answerFault(answer: Dispatcher.ResponseData): string | undefined {
  if (answer.statusCode >= 300 && answer.statusCode < 400) return 'the server answered with a redirect';
  const encoding = headerOf(answer, 'content-encoding');
  return encoding === '' || encoding === 'identity' ? undefined : 'the answer is compressed';
}

function headerOf(answer: Dispatcher.ResponseData, name: string): string {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : '';
}

/** Messages reach the person who registers an issuer: they name the kind of failure, nothing of the network behind. */
function translate(error: unknown): Error {
  if (error instanceof EgressRefused || error instanceof EgressFailed) return error;
  if (!(error instanceof Error)) return new EgressFailed('the request failed');
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new EgressFailed(`the answer is larger than ${maxBodyBytes} bytes`, { cause: error });
  }
  return new EgressFailed(code === '' ? 'the request failed' : `the request failed (${code})`, {
    cause: error,
  });
}
