/** The import table of docs/architecture.md, as data: rooms, what each may import, and what only some may touch. */

export interface Room {
  /** Other rooms (`kernel`), or single files of them (`policy/grammar.ts`). */
  readonly rooms: readonly string[];
  /** Libraries of the registry. */
  readonly libraries: readonly string[];
  /** Only types may come from these rooms. */
  readonly typesOnly?: readonly string[];
  /** Belongs to a later stage: need not have a file yet. */
  readonly isLater?: true;
}

/** Each may import those before it. */
const features = [
  'kernel',
  'access',
  'policy',
  'journal',
  'keys',
  'directory',
  'principals',
  'federation',
  'session',
  'token',
] as const;

const until = (last: (typeof features)[number]): readonly string[] =>
  features.slice(0, features.indexOf(last) + 1);

const contracts: readonly string[] = features.flatMap((feature) => [
  `${feature}/model.ts`,
  `${feature}/ports.ts`,
]);

/** A store implements ports of features and knows nothing else of them. */
const storeRooms = ['kernel', 'store/model.ts', 'store/cursor.ts', ...contracts];

export const rooms: Readonly<Record<string, Room>> = {
  kernel: { rooms: [], libraries: [] },
  access: { rooms: ['kernel'], libraries: [] },
  policy: {
    rooms: ['kernel'],
    libraries: ['@marcbachmann/cel-js', 're2js', 'ipaddr.js', 'lru-cache'],
  },
  journal: { rooms: ['kernel', 'access'], libraries: [] },
  keys: { rooms: until('journal').filter((name) => name !== 'policy'), libraries: ['jose', 'zod'] },
  directory: { rooms: ['kernel', 'access', 'journal'], libraries: ['zod'] },
  principals: { rooms: until('directory'), libraries: ['zod'] },
  federation: { rooms: until('principals'), libraries: ['jose', 'zod'] },
  session: { rooms: until('principals'), libraries: ['openid-client', 'zod'] },
  token: { rooms: until('session'), libraries: ['jose'] },
  'store/memory': { rooms: storeRooms, libraries: [] },
  'store/sqlite': { rooms: storeRooms, libraries: ['libsql'] },
  store: { rooms: [...storeRooms, 'store/memory', 'store/sqlite'], libraries: [] },
  egress: { rooms: ['kernel'], libraries: ['undici', 'ipaddr.js'] },
  cache: { rooms: ['kernel'], libraries: ['node-cache', 'lru-cache'] },
  telemetry: { rooms: ['kernel'], libraries: ['pino', 'prom-client'] },
  http: { rooms: until('token'), libraries: ['koa', '@koa/router', 'koa-body', 'zod'] },
  client: { rooms: [], typesOnly: ['http/schemas', 'kernel'], libraries: [], isLater: true },
  cli: { rooms: ['client', 'lab', 'config', 'compose', 'system', 'policy'], libraries: ['commander', 'zod'] },
  console: { rooms: ['client', 'policy/grammar.ts', 'policy/typed.ts'], libraries: ['react'], isLater: true },
  lab: { rooms: ['kernel', 'federation'], libraries: ['jose', 'zod'] },
  config: { rooms: ['kernel'], libraries: ['zod', 'yaml'] },
};

/** Files of the top level: they know everybody and make the ports real. */
export const wiring: readonly string[] = ['compose.ts', 'main.ts', 'system.ts'];

/** Node's doors to the outside, and the rooms that may open them; every other built-in module is free. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  'node:fs': ['config', 'store/sqlite', 'cli'],
  'node:fs/promises': ['config', 'store/sqlite', 'cli'],
  'node:http': ['http', 'lab', 'cli'],
  'node:https': ['http', 'cli'],
  'node:net': ['http', 'lab', 'config', 'egress'],
  'node:tls': ['http', 'egress'],
  'node:dns': ['egress'],
  'node:dns/promises': ['egress'],
  'node:worker_threads': ['store/sqlite'],
  'node:child_process': [],
  'node:cluster': [],
  'node:dgram': [],
  'node:inspector': [],
  'node:module': ['store/sqlite'],
  'node:process': [],
  'node:timers': [],
  'node:timers/promises': [],
  'node:vm': [],
};

/** Where time, randomness and the environment may be touched directly, because ports are made real there. */
export const adapters: readonly string[] = ['config', 'store', 'egress', 'cache', 'telemetry'];

/** Drawers in which anything could lie. */
export const forbiddenFolders: readonly string[] = ['utils', 'helpers', 'common', 'services', 'manager'];
