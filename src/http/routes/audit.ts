import { z } from 'zod';
import type { AuditReader } from '../../journal/audit-reader.ts';
import { type Route, route } from '../route.ts';
import { listOf, readPage, text, toList } from '../schemas/wire-forms.ts';

/** OCSF objects: their shape is fixed where they are made. */
const event = z.record(z.string(), z.unknown());

const time = z
  .string('must be an RFC 3339 timestamp')
  .refine((value) => !Number.isNaN(Date.parse(value)), 'must be an RFC 3339 timestamp')
  .transform((value) => Date.parse(value));

const query = z.strictObject({
  pageSize: z.int('must be a whole number').optional(),
  pageToken: text.optional(),
  since: time.optional(),
  until: time.optional(),
  sortDirection: z
    .enum(
      ['SORT_DIRECTION_UNSPECIFIED', 'SORT_DIRECTION_ASC', 'SORT_DIRECTION_DESC'],
      'must be a sort direction',
    )
    .optional(),
});

/** The system log, and the full story of one refusal (contract §5.3). */
export function auditRoutes(deps: { readonly auditReader: AuditReader }): readonly Route[] {
  const { auditReader } = deps;
  return [
    route({
      method: 'post',
      path: '/api/v1/systemlog/events',
      summary: 'Lists audit events as OCSF objects, newest first unless told otherwise.',
      body: query,
      response: listOf(event),
      handle: async ({ actor, body }) => {
        const { since, until, sortDirection } = body;
        const direction = sortDirection === 'SORT_DIRECTION_ASC' ? 'asc' : 'desc';
        const filter = JSON.stringify(['systemlog', since, until, direction]);
        const page = await auditReader.list(actor, {
          ...readPage(body, filter),
          direction,
          ...(since === undefined ? {} : { sinceMs: since }),
          ...(until === undefined ? {} : { untilMs: until }),
        });
        return toList(page, filter, (item) => item);
      },
    }),
    route({
      method: 'get',
      path: '/api/v1/denials/:id',
      summary: 'Explains a refused token request in full, by its denial id or request id.',
      response: event,
      handle: ({ actor, params }) => auditReader.denial(actor, params['id'] ?? ''),
    }),
  ];
}
