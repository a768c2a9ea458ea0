/** How preset files speak about claims: paths, rules about other claims, and templates that derive one value from others. */

export type Claims = Readonly<Record<string, unknown>>;

/** Without `in` and `startsWith`: holds if the claim is present. */
export interface ClaimRule {
  readonly claim: string;
  readonly in?: readonly unknown[];
  readonly startsWith?: string;
}

const quoted = String.raw`\["[^"\\]+"\]`;
const bare = String.raw`[^.[\]"\\{}]+`;
const wellFormed = new RegExp(`^(?:${bare}|${quoted})(?:\\.${bare}|${quoted})*$`);
const segments = new RegExp(`${quoted}|${bare}`, 'g');

/** Splits `name`, `name.member` or `["any text"].member`; `undefined` if the text is no path. */
export function parsePath(path: string): string[] | undefined {
  if (!wellFormed.test(path)) return undefined;
  return Array.from(path.matchAll(segments), ([text]) => (text.startsWith('[') ? text.slice(2, -2) : text));
}

/** The value at the path, own members only; `undefined` if any step is absent. */
export function readClaim(claims: Claims, path: string): unknown {
  const names = parsePath(path);
  if (names === undefined) return undefined;
  let value: unknown = claims;
  for (const name of names) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Claims)[name];
  }
  return value;
}

export function ruleHolds(rule: ClaimRule, claims: Claims): boolean {
  const value = readClaim(claims, rule.claim);
  if (value === undefined) return false;
  if (rule.in !== undefined && !rule.in.includes(value)) return false;
  return rule.startsWith === undefined || (typeof value === 'string' && value.startsWith(rule.startsWith));
}

const placeholder = /\{(?:(dirname|basename):)?([^{}]+)\}/g;

/** Paths of the claims a template reads. */
export function templateClaims(template: string): string[] {
  return Array.from(template.matchAll(placeholder), (match) => match[2] ?? '');
}

/**
 * Fills `{claim}`, `{dirname:claim}` (text before the last `/`) and `{basename:claim}` (text after it).
 * `undefined` if a claim is absent or is neither text nor a number.
 */
export function renderTemplate(template: string, claims: Claims): string | undefined {
  let isComplete = true;
  const text = template.replace(placeholder, (_all, part: string | undefined, path: string) => {
    const value = readClaim(claims, path);
    if (typeof value !== 'string' && typeof value !== 'number') isComplete = false;
    const whole = String(value);
    const slash = whole.lastIndexOf('/');
    if (part === 'dirname') return whole.slice(0, Math.max(slash, 0));
    return part === 'basename' ? whole.slice(slash + 1) : whole;
  });
  return isComplete ? text : undefined;
}
