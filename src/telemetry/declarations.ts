/** Every metric with its labels, and every value that a label may take; any other value is counted as `other`. */

interface Declaration {
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

const lane = ['token', 'management'] as const;
const outcome = ['success', 'failure'] as const;
const grant = ['client_credentials', 'token_exchange', 'none'] as const;

export const declarations: Readonly<Record<string, Declaration>> = {
  postern_token_requests_total: {
    kind: 'counter',
    help: 'Token requests by grant and result.',
    labels: { grant, result: ['issued', 'refused', 'malformed', 'failed'] },
  },
  postern_journal_flushes_total: {
    kind: 'counter',
    help: 'Flushes of the journal to the store.',
    labels: { lane, outcome },
  },
  postern_journal_units_total: {
    kind: 'counter',
    help: 'Units of work that became durable.',
    labels: { lane },
  },
  postern_journal_dropped_events_total: {
    kind: 'counter',
    help: 'Best-effort audit events that could not be written.',
    labels: {},
  },
  postern_jwks_refreshes_total: {
    kind: 'counter',
    help: 'Attempts to fetch the key set of an issuer.',
    labels: { outcome: ['ok', 'failed'] },
  },
  postern_jwks_private_key_leaks_total: {
    kind: 'counter',
    help: 'Key sets in which an issuer published a private key.',
    labels: {},
  },
  postern_jwks_age_seconds: {
    kind: 'gauge',
    help: 'Age of the oldest cached key set.',
    labels: {},
  },
};
