import type Router from '@koa/router';
import type { Context } from 'koa';
import type { z } from 'zod';
import type { Actor } from '../access/model.ts';
import { type FieldViolation, GatewayError } from '../kernel/errors.ts';
import type { Authenticate } from '../token/authenticate.ts';
import { send } from './app.ts';
import { bodyText, readText } from './body.ts';
import { arrivalOf } from './context.ts';
import { readJsonBody } from './json-body.ts';
import type { Route } from './route.ts';

const maxBodyBytes = 256 * 1024;

/** Serves the management endpoints: authenticate → parse → handle → strip what the response does not declare. */
export function managementRoutes(deps: {
  readonly routes: readonly Route[];
  readonly authenticate: Authenticate;
}) {
  const read = readText({
    mediaType: 'application/json',
    maxBytes: maxBodyBytes,
    refusal: 'invalid_argument',
  });

  const readBody = async (ctx: Context, schema: z.ZodType | undefined): Promise<unknown> => {
    if (schema === undefined) return undefined;
    await read(ctx, async () => {});
    return parse(schema, readJsonBody(bodyText(ctx)));
  };

  const serve = async (ctx: Context, route: Route): Promise<void> => {
    const arrival = arrivalOf(ctx);
    const actor = route.isPublic ? nobody(arrival) : deps.authenticate(arrival);
    const query = route.query === undefined ? undefined : parse(route.query, readQuery(ctx.querystring));
    const body = await readBody(ctx, route.body);
    const result = await route.handle({ actor, params: ctx['params'], body, query });
    send(ctx, { status: 200, headers: {}, body: route.response.parse(result) as Record<string, unknown> });
  };

  return (router: Router): void => {
    for (const route of deps.routes) router[route.method](route.path, (ctx) => serve(ctx, route));
  };
}

/** Stands for whoever calls a public endpoint: without an id and without a role. */
function nobody({ requestId, sourceIp }: ReturnType<typeof arrivalOf>): Actor {
  return {
    kind: 'person',
    id: '' as Actor['id'],
    displayName: '',
    roleIds: [],
    clientId: '',
    requestId,
    sourceIp: sourceIp ?? '',
  };
}

/** Query parameters in lowerCamelCase; a repeated one is refused, an empty one is absent (contract §3). */
function readQuery(text: string): Readonly<Record<string, string>> {
  const query: Record<string, string> = Object.create(null);
  for (const [sent, value] of new URLSearchParams(text)) {
    const name = sent.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (Object.hasOwn(query, name)) {
      throw new GatewayError('invalid_argument', {
        violations: [{ field: shown(name), description: 'is repeated' }],
      });
    }
    if (value !== '') query[name] = value;
  }
  return query;
}

const shown = (name: string): string => name.replace(/[^\w.-]/g, '?').slice(0, 100);

function parse(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new GatewayError('invalid_argument', { violations: result.error.issues.flatMap(violationsOf) });
}

function violationsOf(issue: z.core.$ZodIssue): FieldViolation[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: shown([...path, key].join('.')),
      description: 'is not a known member',
    }));
  }
  return [{ field: shown(path.join('.')) || 'body', description: issue.message }];
}
