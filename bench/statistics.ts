/** Figures that survive a noisy machine: medians, quartiles, verdicts. */

export interface Summary {
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly p95: number;
  readonly p99: number;
}

/** Quantiles with linear interpolation; `NaN` for no values. */
export function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    const position = (sorted.length - 1) * share;
    const below = sorted[Math.floor(position)] ?? Number.NaN;
    const above = sorted[Math.ceil(position)] ?? Number.NaN;
    return below + (above - below) * (position - Math.floor(position));
  };
  return { q1: at(0.25), median: at(0.5), q3: at(0.75), p95: at(0.95), p99: at(0.99) };
}

export type Verdict = 'met' | 'missed' | 'inconclusive';

export interface Goal {
  readonly id: string;
  readonly says: string;
  readonly least?: number;
  readonly most?: number;
  /** Not a matter of time, so that a restless machine does not change it. */
  readonly isCount?: true;
}

export interface JudgedGoal extends Goal {
  readonly value: number;
  readonly quartiles: readonly [number, number];
  readonly verdict: Verdict;
  /** Worse than half of the goal, which no noise explains. */
  readonly isFarOff: boolean;
}

/**
 * A goal passes on the median. It is inconclusive when the quartiles straddle the target or the machine was too restless.
 * @param values One per round.
 */
export function judge(goal: Goal, values: readonly number[], isRestless: boolean): JudgedGoal {
  const { q1, median, q3 } = summary(values);
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY, isCount = false } = goal;
  const passes = (value: number): boolean => value >= least && value <= most;
  const straddles = passes(q1) !== passes(q3);
  const verdict = straddles || (isRestless && !isCount) ? 'inconclusive' : passes(median) ? 'met' : 'missed';
  const isFarOff = verdict === 'missed' && !(median >= least / 2 && median <= most * 2);
  return { ...goal, value: median, quartiles: [q1, q3], verdict, isFarOff };
}
