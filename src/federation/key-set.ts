import { algorithmOf, type VerificationKey } from './jws-algorithms.ts';

/** The usable keys of one issuer, as of one moment. */
export interface KeySet {
  readonly keys: readonly VerificationKey[];
  /** Monotonic milliseconds. */
  readonly fetchedAtMs: number;
  hasKid(kid: string): boolean;
  /** The key that may verify the algorithm; without `kid` only if no other could be meant. */
  pick(alg: string, kid: string | undefined): VerificationKey | undefined;
}

export function createKeySet(keys: readonly VerificationKey[], fetchedAtMs: number): KeySet {
  const byKid = new Map<string, VerificationKey[]>();
  for (const key of keys) {
    if (key.kid !== undefined) byKid.set(key.kid, [...(byKid.get(key.kid) ?? []), key]);
  }
  return {
    keys,
    fetchedAtMs,
    hasKid: (kid) => byKid.has(kid),
    pick: (alg, kid) => {
      const algorithm = algorithmOf(alg);
      if (algorithm === undefined) return undefined;
      const candidates = kid === undefined ? keys : byKid.get(kid);
      const fitting = candidates?.filter((key) => key.algorithms.has(algorithm)) ?? [];
      return kid !== undefined || fitting.length === 1 ? fitting[0] : undefined;
    },
  };
}
