import { readFileSync, writeFileSync } from 'node:fs';
import { settingsJsonSchema } from '../src/config/names.ts';
import { configurationPage, defaultSettings } from './configuration-page.ts';
import { errorsPage } from './errors-page.ts';

/** Writes every file that follows from the source; with `--check` fails when one of them differs. */

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const generated: Readonly<Record<string, string>> = {
  'config/schema.json': json({ title: 'Settings of Postern', ...settingsJsonSchema }),
  'config/default.json': json(defaultSettings()),
  'docs/config.md': configurationPage(),
  'docs/errors.md': errorsPage(),
};

function current(path: URL): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const isCheck = process.argv.includes('--check');
for (const [name, content] of Object.entries(generated)) {
  const path = new URL(`../${name}`, import.meta.url);
  if (current(path) === content) continue;
  if (isCheck) {
    console.error(`${name} is out of date: run npm run docs`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, content);
    console.log(`wrote ${name}`);
  }
}
