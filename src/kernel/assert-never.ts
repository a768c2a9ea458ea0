/** Marks a branch that the types prove unreachable; throws if reality disagrees. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
