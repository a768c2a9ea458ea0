/**
 * Every number that bounds conditions and claims; nothing else repeats one. Together they keep the worst accepted condition
 * within milliseconds, because a running evaluation cannot be interrupted. A change here raises the number in `engine`.
 */
export const limits = Object.freeze({
  conditionBytes: 1_024,
  astNodes: 256,
  depth: 32,
  listElements: 64,
  mapEntries: 16,
  callArguments: 4,
  macroDepth: 1,
  /** Nodes in the bodies of all macros together: each runs once per item. */
  macroBodyNodes: 48,
  patternBytes: 256,
  /** Highest `n` of `{n}` and `{n,m}`. */
  patternRepeat: 64,
  patternsPerCondition: 8,
  matchCharacters: 2_048,
  urlCharacters: 2_048,
  durationCharacters: 32,
  splitParts: 64,
  /** Characters that functions read, for `matches` times the size of the compiled pattern; one evaluation or trace. */
  steps: 1_000_000,
  claimDepth: 6,
  claimValues: 512,
  claimCharacters: 16_384,
  cachedConditions: 5_000,
  cachedPatterns: 2_000,
  /** Longest JSON of a claim value in an explanation for owners. */
  explainedCharacters: 512,
  explainedItems: 20,
  callerLeaves: 16,
  callerCharacters: 80,
});
