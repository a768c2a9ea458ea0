import type { Context, Middleware } from 'koa';
import { koaBody } from 'koa-body';
import { GatewayError } from '../kernel/errors.ts';

/**
 * Reads a body of one media type as text; koa-body's own parsers would turn a form into nested
 * objects and repeated names into lists (security.md §3), so the parsing is ours.
 *
 * @param refusal Error code for another content type or an encoded body.
 */
export function readText(options: {
  readonly mediaType: string;
  readonly maxBytes: number;
  readonly refusal: 'invalid_request' | 'invalid_argument';
}): Middleware {
  const { mediaType, maxBytes, refusal } = options;
  const read = koaBody({
    text: true,
    textTypes: [mediaType],
    textLimit: maxBytes,
    json: false,
    urlencoded: false,
    multipart: false,
    patchNode: false,
    onError: (error) => {
      throw translate(error, refusal);
    },
  });
  return (ctx, next) => {
    const { headers } = ctx.req;
    const isEmpty = headers['content-length'] === '0' || hasNoBody(ctx);
    if (isEmpty) return next();
    if (!ctx.is(mediaType)) {
      throw new GatewayError(refusal, { sentence: `The content type must be ${mediaType}.` });
    }
    if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
      throw new GatewayError(refusal, { sentence: 'The body must not be compressed.' });
    }
    return read(ctx, next);
  };
}

const hasNoBody = ({ req }: Context): boolean =>
  req.headers['content-length'] === undefined && req.headers['transfer-encoding'] === undefined;

function translate(error: Error, refusal: 'invalid_request' | 'invalid_argument'): GatewayError {
  const type = 'type' in error ? error.type : undefined;
  if (type === 'entity.too.large') return new GatewayError('body_too_large', { cause: error });
  return new GatewayError(refusal, { cause: error, sentence: 'The body could not be read.' });
}

/** The text that `readText` left; empty when there was no body. */
export function bodyText(ctx: Context): string {
  const body: unknown = ctx.request.body;
  return typeof body === 'string' ? body : '';
}
