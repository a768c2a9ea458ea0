import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { verifyStoredAudit } from '../compose.ts';
import type { Host } from './program.ts';

const checkpointFile = z.strictObject({
  number: z.int(),
  timeMs: z.int(),
  body: z.string(),
  signature: z.string(),
});

/** `postern audit verify`: reads the file of a stopped gateway and says what is wrong, record by record. */
export async function verifyStore(
  host: Host,
  options: { readonly store: string; readonly checkpoint?: string; readonly key?: string },
): Promise<void> {
  const external =
    options.checkpoint === undefined
      ? undefined
      : checkpointFile.parse(JSON.parse(readFileSync(options.checkpoint, 'utf8')));
  const report = await verifyStoredAudit(options.store, {
    ...(external === undefined ? {} : { external }),
    ...(options.key === undefined ? {} : { keyId: options.key }),
  });
  const { records, chains, checkpoints, problems } = report;
  host.terminal.outcome(
    report.ok,
    'audit verified',
    `${records} records, ${chains} chains, ${checkpoints} checkpoints`,
  );
  for (const keyId of report.keyIds) host.terminal.detail('checkpoints signed by the key', keyId);
  for (const { code, message } of problems) host.terminal.detail(code, message);
  host.exit(report.ok ? 0 : 1);
}
