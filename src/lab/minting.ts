import { type CompactJWSHeaderParameters, CompactSign } from 'jose';
import { renderTemplate } from '../federation/claim-values.ts';
import type { JsonWebKeySet } from '../federation/model.ts';
import type { Preset } from '../federation/presets.ts';
import type { Clock, RandomBytes } from '../kernel/ports.ts';
import {
  belongsToToken,
  type ClaimValues,
  fillClaims,
  generateSample,
  type JobRequest,
  sampleSubject,
} from './sample-claims.ts';
import type { SigningKey, SigningKeys } from './signing-keys.ts';

/** Faults a token can be minted with; each is right in everything else. */
export const badTokens = [
  'expired',
  'stale',
  'not-yet-valid',
  'wrong-aud',
  'alg-none',
  'unknown-kid',
  'foreign-key',
  'tampered',
] as const;
type BadToken = (typeof badTokens)[number];

export interface MintRequest extends JobRequest {
  /** The preset's default unless given. */
  readonly audience?: string | readonly string[];
  readonly bad?: BadToken;
}

export interface Mint {
  readonly issuer: string;
  /** Mints a token. Rejects with an `Error` in plain words if the request makes no token of this preset. */
  token(request?: MintRequest): Promise<string>;
  /** The claims that describe the job, without those of a single token (`iss sub aud exp iat nbf jti`). */
  jobClaims(request?: JobRequest): Readonly<ClaimValues>;
  keySet(): JsonWebKeySet;
  rotate(): Promise<string>;
  withdraw(kid: string): void;
}

interface Deps {
  readonly preset: Preset;
  readonly issuer: string;
  readonly keys: SigningKeys;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly random: RandomBytes;
}

/** Mints tokens as the preset's platform would, or with one fault on request. Opens no socket, so production may use it. */
export function createMint({ preset, issuer, keys, clock, random }: Deps): Mint {
  const specs = Object.entries(preset.claims);
  const ofJob = specs.filter(([, spec]) => !belongsToToken(spec));
  const ofToken = specs.filter(([, spec]) => belongsToToken(spec));
  const unknown = (request: JobRequest): [string, unknown][] =>
    Object.entries(request.claims ?? {}).filter(([name]) => !Object.hasOwn(preset.claims, name));

  const jobClaims = (request: JobRequest): ClaimValues => {
    const claims: ClaimValues = Object.create(null);
    fillClaims(claims, ofJob, request, (_path, spec) => generateSample(spec, claims, random));
    for (const [name, value] of unknown(request)) claims[name] = value;
    return claims;
  };

  const payload = (request: MintRequest): ClaimValues => {
    const claims = jobClaims(request);
    const times = tokenTimes(preset.time, Math.floor(clock.nowMs() / 1_000), request.bad);
    fillClaims(claims, ofToken, request, (path, spec) => {
      if (path === 'iss') return issuer;
      if (path === 'sub') return sampleSubject(preset, claims, request);
      if (path === 'aud') return tokenAudience(preset, claims, request);
      return times[path] ?? generateSample(spec, claims, random);
    });
    return claims;
  };

  return {
    issuer,
    token: async (request = {}) => sign(payload(request), preset, keys, random, request.bad),
    jobClaims: (request = {}) => jobClaims(request),
    keySet: keys.keySet,
    rotate: keys.rotate,
    withdraw: keys.withdraw,
  };
}

/** Times of a token that is issued now; of a bad one, each far outside every leeway. Seconds since the epoch. */
function tokenTimes(time: Preset['time'], now: number, bad: BadToken | undefined): Record<string, number> {
  const { lifetimeSeconds: lifetime, nbfOffsetSeconds: offset, maxAgeSeconds } = time;
  if (bad === 'not-yet-valid') return { iat: now, nbf: now + 3_600, exp: now + 3_600 + lifetime };
  const ages: Partial<Record<BadToken, number>> = { expired: lifetime + 3_600, stale: maxAgeSeconds + 60 };
  const iat = now - ((bad && ages[bad]) ?? 0);
  const exp = bad === 'stale' ? now + 300 : iat + lifetime;
  return offset === null ? { iat, exp } : { iat, exp, nbf: iat + offset };
}

function tokenAudience(preset: Preset, claims: ClaimValues, { audience, bad }: MintRequest): unknown {
  if (bad === 'wrong-aud') return 'https://somebody-else.example';
  const usual = preset.audience.default;
  const aud = audience ?? (usual === null ? undefined : renderTemplate(usual, claims));
  if (aud === undefined) throw new Error(`a token of ${preset.id} needs an audience`);
  return preset.audience.shape === 'list' && typeof aud === 'string' ? [aud] : aud;
}

async function sign(
  claims: ClaimValues,
  preset: Preset,
  keys: SigningKeys,
  random: RandomBytes,
  bad: BadToken | undefined,
): Promise<string> {
  if (bad === 'alg-none') return `${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims)}.`;
  const key = bad === 'foreign-key' ? await keys.foreign() : keys.current();
  const kid = bad === 'unknown-kid' ? random(16).toString('hex') : key.kid;
  const token = await new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader(tokenHeader(preset, { ...key, kid }))
    .sign(key.privateKey);
  if (bad !== 'tampered') return token;
  const [header, , signature] = token.split('.');
  return `${header}.${encode({ ...claims, sub: `${claims['sub']}-tampered` })}.${signature}`;
}

function tokenHeader({ header }: Preset, { algorithm, kid, x5t }: SigningKey): CompactJWSHeaderParameters {
  const [typ] = header.typ;
  return {
    alg: algorithm,
    kid,
    ...(typ === undefined ? {} : { typ }),
    ...(header.extra.includes('x5t') ? { x5t } : {}),
  };
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
