import type Router from '@koa/router';
import type { Context } from 'koa';
import { GatewayError } from '../../kernel/errors.ts';
import type { IssueToken } from '../../token/issue-token.ts';
import { send } from '../app.ts';
import { bodyText, readText } from '../body.ts';
import { arrivalOf } from '../context.ts';
import { parseForm } from '../form.ts';

const path = '/auth/v1/token';

/** `POST /auth/v1/token` (contract §2): everything but the reading of the form is `token/issue-token.ts`. */
export function tokenRoutes(deps: { readonly issueToken: IssueToken; readonly maxFormBytes: number }) {
  const read = readText({
    mediaType: 'application/x-www-form-urlencoded',
    maxBytes: deps.maxFormBytes,
    refusal: 'invalid_request',
  });

  const readForm = async (ctx: Context): Promise<ReadonlyMap<string, string>> => {
    if (ctx.method !== 'POST') throw malformed('The token endpoint answers to POST only.');
    if (ctx.querystring !== '') throw malformed('Parameters belong into the body.');
    await read(ctx, async () => {});
    return parseForm(bodyText(ctx));
  };

  return (router: Router): void => {
    router.all(path, async (ctx) => {
      const answer = await deps.issueToken({ ...arrivalOf(ctx), readForm: () => readForm(ctx) });
      ctx.set('Pragma', 'no-cache');
      send(ctx, answer);
    });
  };
}

const malformed = (sentence: string): GatewayError => new GatewayError('invalid_request', { sentence });
