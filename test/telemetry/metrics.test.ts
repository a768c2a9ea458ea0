import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { declarations } from '../../src/telemetry/declarations.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

describe('telemetry: metrics', () => {
  it('counts and sets what is declared', async () => {
    const metrics = createMetrics();
    metrics.count('postern_journal_units_total', { lane: 'token' }, 3);
    metrics.count('postern_journal_units_total', { lane: 'token' });
    metrics.gauge('postern_jwks_age_seconds', 12);
    const text = await metrics.render();
    expect(text).to.include('postern_journal_units_total{lane="token"} 4');
    expect(text).to.include('postern_jwks_age_seconds 12');
  });

  it('never exposes a label value outside the closed set', async () => {
    const metrics = createMetrics();
    metrics.count('postern_journal_units_total', { lane: 'evil"} 1', extra: 'value' });
    metrics.count('postern_journal_units_total');
    const text = await metrics.render();
    expect(text).to.include('postern_journal_units_total{lane="other"} 2');
    expect(text).not.to.include('evil').and.not.include('extra');
  });

  it('turns undeclared names and impossible amounts into one counter, and never throws', async () => {
    const metrics = createMetrics();
    metrics.count('nobody_declared_this');
    metrics.gauge('nor_this', 1);
    metrics.count('postern_journal_units_total', { lane: 'token' }, -1);
    metrics.count('postern_journal_units_total', { lane: 'token' }, Number.NaN);
    metrics.count('toString');
    expect(await metrics.render()).to.include('postern_metrics_undeclared_total 5');
  });

  it('keeps registries apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.count('postern_journal_dropped_events_total');
    expect(await one.render()).to.include('postern_journal_dropped_events_total 1');
    expect(await other.render()).to.include('postern_journal_dropped_events_total 0');
  });

  it('declares every metric that the source counts', () => {
    const folder = new URL('../../src/', import.meta.url);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const used = files.flatMap((name) => {
      const source = readFileSync(new URL(name, folder), 'utf8');
      return [...source.matchAll(/\.(?:count|gauge)\(\s*'([a-z_]+)'/g)].map(([, metric]) => `${metric}`);
    });
    expect(used).not.to.have.lengthOf(0);
    expect([...new Set(used)].filter((metric) => declarations[metric] === undefined)).to.deep.equal([]);
  });
});
