import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { verifyStore } from './audit.ts';
import { runDemo } from './demo/demo.ts';
import { runServer } from './serve.ts';
import type { Terminal } from './terminal.ts';

/** The command line: commands of the host, each a thin call into `compose.ts` and `lab/`. */

export interface Host {
  readonly terminal: Terminal;
  readonly fetch: typeof globalThis.fetch;
  readonly onSignal: (signals: readonly NodeJS.Signals[], task: () => void) => void;
  /** Sets the exit status of the process. */
  readonly exit: (status: number) => void;
}

export function createProgram(host: Host): Command {
  const program = new Command('postern')
    .description('Workload-federation gateway: the side gate through which machines get in.')
    .version(version());

  program
    .command('serve')
    .description('run the gateway with the settings of the operator')
    .option('-c, --config <file>', 'settings file, JSON or YAML')
    .option('-s, --set <name=value>', 'one setting by its dotted name; may be repeated', collect, {})
    .action((options: ServeOptions) => runServer(host, options));

  program
    .command('demo')
    .description('show the main job with imitation issuers on this machine, then stay up')
    .option('--once', 'exit when the scenes are over; the status tells whether all came out as they should')
    .option('-p, --port <port>', 'port to listen on', '8080')
    .action((options: { once?: true; port: string }) => runDemo(host, { once: false, ...options }));

  program
    .command('audit')
    .description('work with the audit')
    .command('verify')
    .description(
      'verify hash chains and checkpoints of a stopped gateway; exit status 1 if anything is wrong',
    )
    .requiredOption('--store <file>', 'database file of the embedded store')
    .option('--checkpoint <file>', 'a checkpoint that was kept elsewhere: shows a truncated end as well')
    .option('--key <thumbprint>', 'the audit key, noted elsewhere: without it the file vouches for its own')
    .action((options: { store: string; checkpoint?: string; key?: string }) => verifyStore(host, options));

  return program;
}

interface ServeOptions {
  readonly config?: string;
  readonly set: Readonly<Record<string, string>>;
}

function collect(text: string, known: Record<string, string>): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new InvalidArgumentError('must be name=value');
  return { ...known, [text.slice(0, equals)]: text.slice(equals + 1) };
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version: string }).version);
}
