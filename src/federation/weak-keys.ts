/** Public keys that look sound and are not: the RSA fingerprint of CVE-2017-15361, and Ed25519 points of small order. */

const rocaGenerator = 65_537;
const largestRocaPrime = 167;

/** Prime → residues that powers of 65537 reach; a ROCA modulus lies in all of these subgroups. */
const rocaResidues: ReadonlyMap<number, ReadonlySet<number>> = new Map(
  oddPrimesUpTo(largestRocaPrime).map((prime) => [prime, powersOf(rocaGenerator % prime, prime)]),
);

function oddPrimesUpTo(limit: number): number[] {
  const primes: number[] = [];
  for (let candidate = 3; candidate <= limit; candidate += 2) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}

function powersOf(base: number, prime: number): Set<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * base) % prime) powers.add(power);
  return powers;
}

/** Whether the modulus was made by the weak Infineon generator; a sound one passes for weak about once in 2^27. */
export function hasRocaFingerprint(modulus: bigint): boolean {
  for (const [prime, residues] of rocaResidues) {
    if (!residues.has(Number(modulus % BigInt(prime)))) return false;
  }
  return true;
}

const fieldPrime = 2n ** 255n - 19n;

/** y of all points whose order divides 8; the sign bit of x does not matter. */
const smallOrderY: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  fieldPrime - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/** Whether an encoded point lets anybody forge: small order, or an encoding that is not canonical (y ≥ p). */
export function isWeakEd25519Point(encoded: Buffer): boolean {
  const y = BigInt(`0x${Buffer.from(encoded).reverse().toString('hex')}`) & (2n ** 255n - 1n);
  return y >= fieldPrime || smallOrderY.has(y);
}
