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
    // Byte by byte: koa-body's own UTF-8 decoder would replace what is malformed and drop a byte order mark.
    encoding: 'latin1',
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
    return read(ctx, () => {
      ctx.request.body = decodeUtf8(bodyText(ctx), refusal);
      return next();
    });
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: string, refusal: 'invalid_request' | 'invalid_argument'): string {
  try {
    return utf8.decode(Buffer.from(bytes, 'latin1'));
  } catch (cause) {
    throw new GatewayError(refusal, { cause, sentence: 'The body is not UTF-8.' });
  }
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
