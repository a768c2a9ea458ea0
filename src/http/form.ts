import { GatewayError } from '../kernel/errors.ts';

const maxParameters = 64;

/**
 * Parses `application/x-www-form-urlencoded` text into single strings: no repeats (RFC 6749 §3.2), no nesting, nothing
 * that two parsers could read differently (threats T18, T19). Throws `invalid_request` naming the fault.
 */
export function parseForm(text: string): ReadonlyMap<string, string> {
  const form = new Map<string, string>();
  if (text === '') return form;
  const pairs = text.split('&', maxParameters + 1);
  if (pairs.length > maxParameters) throw malformed('The form has too many parameters.');
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1));
    if (name === undefined || value === undefined) throw malformed('The form is not correctly encoded.');
    if (name.includes('[') || name.includes(']')) throw malformed('The form has a nested parameter.');
    if (form.has(name)) throw malformed(`The parameter ${shown(name)} is repeated.`);
    form.set(name, value);
  }
  return form;
}

const malformed = (sentence: string): GatewayError => new GatewayError('invalid_request', { sentence });

/** A name fit for an answer: RFC 6749 allows few characters in `error_description`. */
const shown = (name: string): string => (/^[A-Za-z0-9_.-]{1,64}$/.test(name) ? name : 'with this name');

/** Nothing but visible ASCII may stand unescaped; an escape must be complete and valid UTF-8. */
function decode(text: string): string | undefined {
  if (!/^[\x21-\x7e]*$/.test(text)) return undefined;
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    return undefined;
  }
}
