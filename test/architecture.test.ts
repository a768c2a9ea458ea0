import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { judge, roomOf } from './architecture/judge.ts';
import { rooms, wiring } from './architecture/table.ts';

const source = new URL('../src/', import.meta.url);
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => /\.tsx?$/.test(name))
  .sort();

describe('architecture: the source keeps the import table', () => {
  for (const path of files) {
    it(path, () => {
      expect(judge(path, readFileSync(new URL(path, source), 'utf8'))).to.deep.equal([]);
    });
  }

  for (const [name, room] of Object.entries(rooms)) {
    if (room.isLater) continue;
    it(`the room ${name} has a file`, () => {
      expect(files.filter((path) => roomOf(path) === name)).not.to.have.lengthOf(0);
    });
  }

  for (const name of wiring) {
    it(`${name} exists`, () => {
      expect(files).to.include(name);
    });
  }
});

describe('architecture: the check itself can fail', () => {
  const refused: readonly (readonly [string, string, string])[] = [
    ['kernel/a.ts', "import { x } from '../access/model.ts';", 'kernel must not import access/model.ts'],
    ['kernel/a.ts', "import type { X } from '../access/model.ts';", 'kernel must not import access/model.ts'],
    ['kernel/a.ts', "export { x } from '../access/model.ts';", 'kernel must not import access/model.ts'],
    ['kernel/a.ts', "export * from '../access/model.ts';", 'kernel must not import access/model.ts'],
    ['kernel/a.ts', "import '../access/model.ts';", 'kernel must not import access/model.ts'],
    [
      'kernel/a.ts',
      "const x = await import('../access/model.ts');",
      'kernel must not import access/model.ts',
    ],
    ['kernel/a.ts', "type X = import('../access/model.ts').Actor;", 'kernel must not import access/model.ts'],
    ['kernel/a.ts', 'const x = await import(name);', 'dynamic import of a computed name'],
    ['kernel/a.ts', 'const x = await import(`../x.ts`);', 'dynamic import of a computed name'],
    ['kernel/a.ts', "import { z } from 'zod';", 'kernel must not import the library zod'],
    ['kernel/a.ts', "import { z } from 'zod/v4';", 'kernel must not import the library zod/v4'],
    ['kernel/a.ts', "import { readFileSync } from 'node:fs';", 'kernel must not open node:fs'],
    ['kernel/a.ts', "import fs from 'fs';", 'kernel must not import the library fs'],
    ['kernel/a.ts', "import x from '../../package.json';", 'imports ../../package.json from outside src'],
    ['policy/a.ts', "import { x } from '../journal/model.ts';", 'policy must not import journal/model.ts'],
    [
      'session/a.ts',
      "import { x } from '../federation/model.ts';",
      'session must not import federation/model.ts',
    ],
    [
      'federation/a.ts',
      "import { x } from '../token/access-token.ts';",
      'federation must not import token/access-token.ts',
    ],
    ['http/a.ts', "import { x } from '../store/open-store.ts';", 'http must not import store/open-store.ts'],
    ['http/a.ts', "import { x } from '../compose.ts';", 'http must not import compose.ts'],
    [
      'store/sqlite/a.ts',
      "import { x } from '../../journal/journal.ts';",
      'store/sqlite must not import journal/journal.ts',
    ],
    [
      'store/sqlite/a.ts',
      "import { x } from '../memory/memory-store.ts';",
      'store/sqlite must not import store/memory/memory-store.ts',
    ],
    [
      'client/a.ts',
      "import { x } from '../http/schemas/trust.ts';",
      'client must not import http/schemas/trust.ts',
    ],
    [
      'console/a.ts',
      "import { x } from '../policy/condition.ts';",
      'console must not import policy/condition.ts',
    ],
    ['cellar/a.ts', 'export const x = 1;', 'lies in no room of the table'],
    ['stray.ts', 'export const x = 1;', 'lies in no room of the table'],
    ['kernel/utils/a.ts', 'export const x = 1;', 'lies in a folder named utils'],
    ['kernel/a.ts', 'export default 1;', 'default export'],
    ['kernel/a.ts', 'export default function x() {}', 'default export'],
    ['kernel/a.ts', 'const x = 1; export { x as default };', 'default export'],
    ['kernel/a.ts', 'enum X { A }', 'enum'],
    ['kernel/a.ts', "const x = require('x');", 'require'],
    ['kernel/a.ts', 'this is no source', 'does not parse'],
    ['token/a.ts', 'const x = Date.now();', 'uses Date.now itself'],
    ['token/a.ts', "const x = Date['now']();", 'uses Date.now itself'],
    ['token/a.ts', 'const x = globalThis.Date.now();', 'uses Date.now itself'],
    ['token/a.ts', 'const { now } = Date;', 'uses Date.now itself'],
    ['token/a.ts', 'const later = Date.now;', 'uses Date.now itself'],
    ['token/a.ts', 'const x = new Date();', 'uses new Date() itself'],
    ['token/a.ts', 'const x = Date();', 'uses new Date() itself'],
    ['token/a.ts', 'const x = Math.random();', 'uses Math.random itself'],
    ['token/a.ts', 'const x = performance.now();', 'uses performance.now itself'],
    ['token/a.ts', 'const x = process.hrtime.bigint();', 'uses process.hrtime itself'],
    ['token/a.ts', 'const x = process.env.HOME;', 'uses process.env itself'],
    ['token/a.ts', 'const { env } = process;', 'uses process.env itself'],
    ['token/a.ts', "import { env } from 'node:process';", 'token must not open node:process'],
    ['token/a.ts', 'const x = crypto.randomUUID();', 'uses crypto.randomUUID itself'],
    ['token/a.ts', 'const x = crypto.getRandomValues(y);', 'uses crypto.getRandomValues itself'],
    ['token/a.ts', "import { randomBytes } from 'node:crypto';", 'uses crypto.randomBytes itself'],
    ['token/a.ts', "import { randomBytes as r } from 'node:crypto';", 'uses crypto.randomBytes itself'],
    [
      'token/a.ts',
      "import * as crypto from 'node:crypto'; crypto.randomInt(3);",
      'uses crypto.randomInt itself',
    ],
    [
      'token/a.ts',
      "import nodeCrypto from 'node:crypto'; nodeCrypto.randomInt(3);",
      'uses nodeCrypto.randomInt itself',
    ],
    ['token/a.ts', "await fetch('https://x');", 'uses fetch itself'],
    ['token/a.ts', "await globalThis.fetch('https://x');", 'uses fetch itself'],
    ['token/a.ts', 'const deps = { fetch };', 'uses fetch itself'],
    ['token/a.ts', 'setTimeout(f, 1);', 'uses setTimeout itself'],
    ['token/a.ts', 'setInterval(f, 1);', 'uses setInterval itself'],
    ['token/a.ts', 'run(setImmediate);', 'uses setImmediate itself'],
    [
      'token/a.ts',
      "import { setTimeout } from 'node:timers/promises';",
      'token must not open node:timers/promises',
    ],
    ['token/a.ts', 'await (fetch as Fetch)(1);', 'uses fetch itself'],
    ['token/a.ts', 'const x = (process as Process).env;', 'uses process.env itself'],
    ['http/a.ts', 'app.proxy = true;', 'app.proxy'],
    ['http/a.ts', 'const x = ctx.ip;', 'ctx.ip'],
    ['http/a.ts', 'const { ip } = ctx;', 'ctx.ip'],
    ['http/a.ts', 'const x = ctx.request.ip;', 'ctx.request.ip'],
    ['http/a.ts', 'const x = ctx?.host;', 'ctx.host'],
    ['http/a.ts', 'const x = ctx.protocol;', 'ctx.protocol'],
    ['compose.ts', 'const x = ctx.ip;', 'ctx.ip'],
    ['federation/a.ts', "import { createRemoteJWKSet } from 'jose';", 'createRemoteJWKSet'],
  ];
  for (const [path, text, problem] of refused) {
    it(`refuses in ${path}: ${text}`, () => {
      expect(judge(path, text).join('\n')).to.include(problem);
    });
  }

  const allowed: readonly (readonly [string, string])[] = [
    ['token/a.ts', "import { x } from '../session/snapshot.ts'; import { SignJWT } from 'jose';"],
    ['token/a.ts', "import { createHash } from 'node:crypto';"],
    ['token/a.ts', 'export function a({ fetch }: Deps) { return fetch(1); }'],
    ['token/a.ts', 'deps.fetch(1); deps.clock.now(); scheduler.setTimeout(1);'],
    ['token/a.ts', 'type X = typeof fetch;'],
    ['token/a.ts', 'interface X { fetch: string; setTimeout(): void }'],
    ['token/a.ts', 'const x = new Date(nowMs).toISOString();'],
    ['token/a.ts', "const x = 'Date.now() and process.env'; // Math.random()"],
    [
      'store/sqlite/a.ts',
      "import type { X } from '../../journal/ports.ts'; const x = await import('node:sqlite'); setImmediate(f);",
    ],
    ['store/open-store.ts', "import { x } from './sqlite/sqlite-store.ts';"],
    ['client/a.ts', "import type { X } from '../http/schemas/trust.ts';"],
    ['cli/a.ts', "import { x } from '../compose.ts';"],
    ['compose.ts', "import { x } from './store/open-store.ts'; const now = Date.now();"],
    ['config/a.ts', 'const x = process.env;'],
  ];
  for (const [path, text] of allowed) {
    it(`allows in ${path}: ${text}`, () => {
      expect(judge(path, text)).to.deep.equal([]);
    });
  }
});
