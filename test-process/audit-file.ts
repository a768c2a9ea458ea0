import type { ChainedEvent, Checkpoint } from '../src/journal/model.ts';
import { openStore } from '../src/store/open-store.ts';
import { run } from './postern.ts';

/** The audit in the file of a gateway that has ended. */

export interface AuditFile {
  readonly events: readonly ChainedEvent[];
  /** `jti` of every access token whose issue is on record. */
  readonly issued: ReadonlySet<string>;
  readonly newestCheckpoint: Checkpoint | undefined;
}

const pageSize = 5_000;

export async function readAuditFile(path: string): Promise<AuditFile> {
  const store = await openStore({ kind: 'sqlite', path });
  try {
    const events: ChainedEvent[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.events.page({
        direction: 'asc',
        limit: pageSize,
        ...(cursor === undefined ? {} : { after: cursor }),
      });
      events.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined);
    const checkpoints = await store.events.checkpoints({ direction: 'desc', limit: 1 });
    const issued = new Set(events.flatMap(issuedToken));
    return { events, issued, newestCheckpoint: checkpoints.items[0] };
  } finally {
    await store.close();
  }
}

function issuedToken({ body }: ChainedEvent): readonly string[] {
  const event = JSON.parse(body) as {
    class_uid: number;
    status_id: number;
    unmapped?: { access_token_jti?: string };
  };
  const jti = event.unmapped?.access_token_jti;
  return event.class_uid === 3002 && event.status_id === 1 && jti !== undefined ? [jti] : [];
}

/** `postern audit verify` as the operator runs it. */
export async function verifyByCommand(
  path: string,
): Promise<{ readonly status: number | string; readonly text: string }> {
  const { ended, output } = run(['audit', 'verify', '--store', path]);
  const status = await ended;
  return { status, text: output() };
}
