import { Counter, Gauge, Registry } from 'prom-client';
import type { Metrics } from '../kernel/ports.ts';
import { declarations } from './declarations.ts';

/** Counters and gauges in a registry of their own; nothing but what `declarations.ts` lists is ever exposed. */

const undeclared = 'postern_metrics_undeclared_total';

/** A value outside the label's closed set would let callers grow the registry without bound. */
function closedLabels(
  sets: Readonly<Record<string, readonly string[]>>,
  labels: Readonly<Record<string, string>>,
): Record<string, string> {
  const closed = Object.entries(sets).map(([label, values]) => {
    const value = labels[label];
    return [label, value !== undefined && values.includes(value) ? value : 'other'];
  });
  return Object.fromEntries(closed);
}

/** `render` answers the Prometheus text format. Neither counting nor setting ever throws. */
export function createMetrics(): Metrics & { render(): Promise<string> } {
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const unknown = new Counter({
    name: undeclared,
    help: 'Measurements under a name that is not declared.',
    registers: [registry],
  });
  for (const [name, { kind, help, labels }] of Object.entries(declarations)) {
    const options = { name, help, labelNames: Object.keys(labels), registers: [registry] };
    if (kind === 'counter') counters.set(name, new Counter(options));
    else gauges.set(name, new Gauge(options));
  }
  const labelsOf = (name: string, labels: Readonly<Record<string, string>>): Record<string, string> =>
    closedLabels(declarations[name]?.labels ?? {}, labels);

  return {
    count(name, labels = {}, by = 1) {
      const counter = counters.get(name);
      if (counter === undefined || !(by >= 0 && by < Number.POSITIVE_INFINITY)) unknown.inc();
      else counter.inc(labelsOf(name, labels), by);
    },
    gauge(name, value, labels = {}) {
      const gauge = gauges.get(name);
      if (gauge === undefined) unknown.inc();
      else gauge.set(labelsOf(name, labels), value);
    },
    render: () => registry.metrics(),
  };
}
