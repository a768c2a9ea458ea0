import { limits } from './limits.ts';

export interface UrlParts {
  readonly scheme: string;
  readonly host: string;
  readonly port: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

type SplitUrl =
  | { readonly ok: true; readonly url: UrlParts }
  | { readonly ok: false; readonly cause: 'input_too_long' | 'not_a_url' | 'unsafe_path' };

const shape = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?(?:#(.*))?$/;
/** White space, control characters, and what decodes to something else. */
const unsafe = /[\s%\\]|\p{Cc}/u;

/**
 * Splits a URL as RFC 3986 does and normalises nothing: WHATWG's `URL` would fold `..` and `%2e%2e` into another path, and a
 * condition on the path would then judge a resource that the issuer never named. What could be read in two ways is refused.
 */
export function splitUrl(text: string): SplitUrl {
  if (text.length > limits.urlCharacters) return { ok: false, cause: 'input_too_long' };
  const match = unsafe.test(text) ? null : shape.exec(text);
  if (match === null) return { ok: false, cause: 'not_a_url' };
  const [, scheme = '', authority = '', path = '', query = '', fragment = ''] = match;
  if (authority.includes('@')) return { ok: false, cause: 'not_a_url' };
  if (path.includes('//') || path.split('/').some((segment) => segment === '.' || segment === '..')) {
    return { ok: false, cause: 'unsafe_path' };
  }
  return { ok: true, url: { scheme, ...splitAuthority(authority), path, query, fragment } };
}

/** The port is the digits after the last `:` outside brackets. */
function splitAuthority(authority: string): { host: string; port: string } {
  const match = /^(.*):(\d*)$/.exec(authority);
  const [, host = '', port = ''] = match ?? [];
  return match === null || (host.includes('[') && !host.endsWith(']'))
    ? { host: authority, port: '' }
    : { host, port };
}
