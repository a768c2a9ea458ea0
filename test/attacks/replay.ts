/** Attacks with a subject token that was used before, on a provider that allows one use: T12 of security.md. */

import { sign } from 'node:crypto';
import { formRequest } from '../gateway.ts';
import { exchangeForm } from '../scene.ts';
import type { Forge } from './forge.ts';
import { exchangeRefused, type HttpAttack, type Target, table } from './target.ts';

/** What a row needs beyond the target: a trust of a provider with `replay: once`, and a second one of the same. */
export interface ReplayTarget extends Target {
  readonly once: string;
  readonly onceToo: string;
}

const replayed = exchangeRefused('token_replayed', true);
const header = { alg: 'RS256', kid: 'rsa' };
let tokens = 0;
const freshJti = (): string => {
  tokens += 1;
  return `job-${tokens}`;
};
const tokenOf = (lab: Forge, patch: Readonly<Record<string, unknown>> = {}): string =>
  lab.sign(header, lab.claims({ jti: freshJti(), ...patch }));

interface Steps {
  readonly first: (target: ReplayTarget) => string;
  readonly between?: (target: ReplayTarget) => Promise<unknown>;
  readonly second: (target: ReplayTarget, first: string) => string;
  /** Default: the trust of the first use. */
  readonly through?: (target: ReplayTarget) => string;
}

/** The first use succeeds, or the row would prove nothing. */
const again =
  ({
    first,
    between = async () => undefined,
    second,
    through = ({ once }) => once,
  }: Steps): HttpAttack['request'] =>
  async (target) => {
    const replay = target as ReplayTarget;
    const token = first(replay);
    const answer = await target.gateway.token(exchangeForm(replay.once, token));
    if (answer.status !== 200) throw new Error(`the first use failed: ${answer.text}`);
    await between(replay);
    return formRequest(exchangeForm(through(replay), second(replay, token)));
  };

/** Two signatures of one signing input: ECDSA draws a fresh nonce each time. */
const signedAnew = ({ lab }: Target, token: string): string => {
  const input = token.slice(0, token.lastIndexOf('.'));
  const key = { key: lab.keys.p256.privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
};

export const replayAttacks = table('replay', 'T12', [
  ['the same token', replayed, again({ first: ({ lab }) => tokenOf(lab), second: (_, token) => token })],
  [
    'the same token through another trust of the provider',
    replayed,
    again({
      first: ({ lab }) => tokenOf(lab),
      second: (_, token) => token,
      through: ({ onceToo }) => onceToo,
    }),
  ],
  [
    'another token with the same jti',
    replayed,
    again({
      first: ({ lab }) => tokenOf(lab, { jti: 'once-and-again' }),
      second: ({ lab }) => tokenOf(lab, { jti: 'once-and-again', run: 2 }),
    }),
  ],
  [
    'another token with the same jti, by another key of the issuer',
    replayed,
    again({
      first: ({ lab }) => tokenOf(lab, { jti: 'two-keys' }),
      second: ({ lab }) =>
        lab.sign({ alg: 'ES256', kid: 'p256' }, lab.claims({ jti: 'two-keys' }), lab.keys.p256),
    }),
  ],
  [
    'a token without jti',
    replayed,
    again({ first: ({ lab }) => tokenOf(lab, { jti: undefined, run: 1 }), second: (_, token) => token }),
  ],
  [
    'a token with an empty jti',
    replayed,
    again({ first: ({ lab }) => tokenOf(lab, { jti: '', run: 2 }), second: (_, token) => token }),
  ],
  [
    'a token whose jti is a number',
    replayed,
    again({ first: ({ lab }) => tokenOf(lab, { jti: 7, run: 3 }), second: (_, token) => token }),
  ],
  [
    'a token without jti under a second valid signature',
    replayed,
    again({
      first: ({ lab }) =>
        lab.sign({ alg: 'ES256', kid: 'p256' }, lab.claims({ jti: undefined, run: 4 }), lab.keys.p256),
      second: signedAnew,
    }),
  ],
  [
    'the same token in its last second of skew, after a purge',
    replayed,
    again({
      first: ({ lab }) => tokenOf(lab, { exp: lab.now + 100 }),
      between: ({ gateway }) => gateway.scheduler.advance(129_000),
      second: (_, token) => token,
    }),
  ],
  [
    'the same token after the trust was disabled and enabled',
    replayed,
    again({
      first: ({ lab }) => tokenOf(lab),
      between: async ({ scene, principalId, once }) => {
        const path = `/api/v1/service_principals/${principalId}/trusts/${once}`;
        await scene.admin('PATCH', path, { trust: { disabled: true }, updateMask: 'disabled' });
        await scene.admin('PATCH', path, { trust: { disabled: false }, updateMask: 'disabled' });
      },
      second: (_, token) => token,
    }),
  ],
]);
