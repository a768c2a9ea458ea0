import { secretSettings, settings } from '../src/config/names.ts';

/** The page that describes every setting, and the file that mirrors the defaults. */

const introduction = `# Configuration

This page is generated from the settings schema by \`npm run docs\`; do not edit it.

Settings come from five places; a later one wins:

1. the defaults below, mirrored in \`config/default.json\`;
2. \`config/<profile>.json\`, if there is one;
3. the file given with \`--config\`, JSON or YAML;
4. environment variables named as below;
5. flags of the command line.

The name of a variable follows from the name of the setting: \`token.exchangeTtl\` is \`POSTERN_TOKEN__EXCHANGE_TTL\`. Lists are
separated by commas; \`roles\` is a JSON list. Durations are written \`250ms\`, \`30s\`, \`15m\`, \`2h\` or \`90d\`, sizes \`512B\`, \`64KiB\` or \`1MiB\`.

A secret is never a setting itself. The setting says where it is found: \`env:NAME\` or \`file:/path\`. For a mounted file there is a
shorthand: \`POSTERN_KEYS__KEK_FILE=/run/secrets/kek\`.

Postern refuses to start on an unknown name (and says which known one is nearest), on a malformed value and on unsafe combinations:
an empty list of audiences; a \`publicUrl\` that is not a bare https origin (plain http is for this machine in the \`demo\` profile);
the \`demo\` profile or one of its switches with \`NODE_ENV=production\`; the \`production\` profile without a key-encryption key.
All problems are reported at once.
`;

function shownDefault(name: string, value: unknown): string {
  if (value === undefined) return (secretSettings as readonly string[]).includes(name) ? 'none' : 'see text';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function row(name: string): string {
  const setting = settings.get(name);
  if (setting === undefined) return '';
  const { variable, type, choices, description } = setting;
  const kind = choices.length > 0 ? choices.map((choice) => `\`${choice}\``).join(', ') : type;
  return `| \`${name}\` | ${kind} | ${shownDefault(name, setting.default)} | ${description} | \`${variable}\` |`;
}

export function configurationPage(): string {
  const head = '| setting | values | default | meaning | variable |\n|---|---|---|---|---|';
  return `${introduction}\n${head}\n${[...settings.keys()].map(row).join('\n')}\n`;
}

/** The defaults as a settings file; settings without a default are left out. */
export function defaultSettings(): Readonly<Record<string, unknown>> {
  const file: Record<string, unknown> = {};
  for (const { name, default: value } of settings.values()) {
    if (value === undefined) continue;
    const [group = '', leaf] = name.split('.');
    file[group] = leaf === undefined ? value : { ...(file[group] as object | undefined), [leaf]: value };
  }
  return file;
}
