import { isLoopbackHost, touchesLoopback } from './addresses.ts';
import type { ParsedSettings } from './schema.ts';

/** Combinations that are well-formed one by one and unsafe together: with any of them the process does not start. */

interface Place {
  readonly settings: ParsedSettings;
  /** `undefined` when the text is no URL. */
  readonly url: URL | undefined;
  /** `NODE_ENV=production` */
  readonly isProductionRuntime: boolean;
}

function urlProblems({ settings, url }: Place): readonly string[] {
  const { publicUrl, profile, listen } = settings;
  if (publicUrl === undefined) {
    if (profile === 'production') return ['publicUrl: is required in the production profile'];
    if (listen.port === 0) return ['publicUrl: is required when listen.port is 0'];
    const isLocal = url !== undefined && isLoopbackHost(url.hostname);
    return isLocal ? [] : ['publicUrl: is required when listen.host is not this machine itself'];
  }
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return ['publicUrl: must be an origin such as https://postern.example.com'];
  }
  if (publicUrl !== url.origin) {
    return [`publicUrl: must be a bare origin without path or trailing slash, here ${url.origin}`];
  }
  if (url.protocol === 'http:' && !(profile === 'demo' && isLoopbackHost(url.hostname))) {
    return ['publicUrl: must be https; plain http is for this machine in the demo profile'];
  }
  return [];
}

function developmentProblems({ settings, isProductionRuntime }: Place): readonly string[] {
  const { profile, providers } = settings;
  if (profile === 'demo' && !isProductionRuntime) return [];
  const where = profile === 'demo' ? 'with NODE_ENV=production' : 'in the production profile';
  const problems = providers.allowPrivateIssuers
    .filter(touchesLoopback)
    .map((range) => `providers.allowPrivateIssuers: ${range} reaches this machine itself, refused ${where}`);
  if (providers.allowInsecureIssuers) problems.push(`providers.allowInsecureIssuers: is refused ${where}`);
  if (profile === 'demo') problems.push(`profile: demo is refused ${where}`);
  return problems;
}

/** Everything that forbids to start, as sentences that begin with the name of the setting. */
export function unsafeCombinations(place: Place): readonly string[] {
  const { profile, audiences, keys } = place.settings;
  const problems = [...urlProblems(place), ...developmentProblems(place)];
  if (audiences?.length === 0)
    problems.push('audiences: must not be empty, or any audience could be claimed');
  if (profile === 'production' && keys.kek === undefined) {
    problems.push('keys.kek: is required in the production profile, or the signing keys would lie open');
  }
  return problems;
}

/** What is allowed and will probably surprise. */
export function warningsFor(url: URL): readonly string[] {
  const isSingleLabel = !/[.:]/.test(url.hostname) && url.hostname !== 'localhost';
  return isSingleLabel
    ? [`publicUrl: existing client tools append a domain to the single-label host ${url.hostname}`]
    : [];
}
