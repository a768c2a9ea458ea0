import type { Change } from '../journal/model.ts';
import type { UserId } from '../kernel/ids.ts';

/** What hangs on a principal in features to the right of this one, and goes with it. */
export interface Dependents {
  deletionsFor(principalId: UserId): readonly Change[];
}
