import { startGateway } from '../compose.ts';
import { readSettings } from '../config/read.ts';
import type { Host } from './program.ts';

/** Runs the gateway until SIGTERM or SIGINT; a second signal is left to the system. */
export async function runServer(
  host: Host,
  options: { readonly config?: string; readonly set: Readonly<Record<string, string>> },
): Promise<void> {
  const result = readSettings(options.config, options.set);
  if (!result.ok)
    throw new Error(
      `the settings are not usable:\n${result.problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  const gateway = await startGateway(result.settings);
  for (const warning of result.warnings) gateway.logger.warn({}, warning);
  if (gateway.bootstrapSecret !== undefined) {
    host.terminal.line('No super admin exists yet. Make the first one, once and for ever, with this secret:');
    host.terminal.line(gateway.bootstrapSecret.reveal());
  }
  gateway.logger.info({ port: gateway.port, publicUrl: result.settings.publicUrl }, 'listening');
  host.onSignal(['SIGTERM', 'SIGINT'], () => {
    gateway.logger.info({}, 'shutting down');
    gateway.close().catch((error: unknown) => {
      gateway.logger.error({ err: error }, 'shutdown failed');
      host.exit(1);
    });
  });
}
