import { z } from 'zod';

/** How operators write settings: durations and sizes as short human strings, secrets as references. */

const msPerUnit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const bytesPerUnit = { B: 1, KiB: 1024, MiB: 1_048_576 } as const;

/** `<whole number><unit>` → whole number of the smallest unit; the shape was checked before. */
function amountOf(text: string, factors: Readonly<Record<string, number>>): number {
  const unit = text.replace(/^\d+/, '');
  return Number.parseInt(text, 10) * (factors[unit] ?? Number.NaN);
}

function quantity(shape: RegExp, example: string, factors: Readonly<Record<string, number>>) {
  return (least: string, most: string) => {
    const [low, high] = [amountOf(least, factors), amountOf(most, factors)];
    return z
      .string(`must be text such as ${example}`)
      .regex(shape, `must be a whole number and a unit, such as ${example}`)
      .transform((text) => amountOf(text, factors))
      .refine((value) => value >= low && value <= high, `must be between ${least} and ${most}`);
  };
}

/** A duration between two others, `30m` style (ms, s, m, h, d); parsed to milliseconds. */
export const duration = quantity(/^\d{1,9}(?:ms|s|m|h|d)$/, '250ms, 30s, 15m, 2h or 90d', msPerUnit);

/** A size between two others, `16KiB` style (B, KiB, MiB); parsed to bytes. */
export const size = quantity(/^\d{1,9}(?:B|KiB|MiB)$/, '512B, 64KiB or 1MiB', bytesPerUnit);

const referenceShape = /^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/;

/** Where a secret is found; the value itself never stands in a settings file. */
export const secretRef = z
  .string('must be env:NAME or file:/path')
  .regex(referenceShape, 'must be env:NAME or file:/path, never the secret itself');
