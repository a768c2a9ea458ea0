/** Bounds how many requests start in any second; the timer of planned refreshes always finds a share of its own (J6). */
export interface FetchBudget {
  /** Takes `requests` slots at once or none. */
  take(lane: 'demand' | 'timer', requests: number): boolean;
}

const perSecond = 20;
const reservedForTimer = 2;

export function createFetchBudget(monotonicMs: () => number): FetchBudget {
  let startedAtMs: number[] = [];
  return {
    take: (lane, requests) => {
      const now = monotonicMs();
      startedAtMs = startedAtMs.filter((at) => at > now - 1000);
      const limit = lane === 'timer' ? perSecond : perSecond - reservedForTimer;
      if (startedAtMs.length + requests > limit) return false;
      for (let request = 0; request < requests; request += 1) startedAtMs.push(now);
      return true;
    },
  };
}
