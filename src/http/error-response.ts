import type { JsonObject } from '../journal/model.ts';
import type { GatewayError } from '../kernel/errors.ts';

export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

const retryAfterSeconds = 5;

/** gRPC-gateway style, as REST clients of this contract read it (contract §3.1). */
export function restError(error: GatewayError, requestId: string, hadToken: boolean): ErrorResponse {
  const { status, rpc = 13 } = error.entry;
  const what = error.violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  const sentence = what === '' ? error.sentence : `${error.sentence}: ${what}`;
  return {
    status,
    headers: { ...retryHeader(status, error), ...challenge(status, hadToken) },
    body: {
      code: rpc,
      message: `${sentence} (request-id: ${requestId})`,
      details:
        error.violations.length === 0
          ? []
          : [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: error.violations }],
    },
  };
}

/** RFC 6749 §5.2 style, for what goes wrong around the token endpoint before it can answer itself. */
export function oauthError(error: GatewayError, requestId: string): ErrorResponse {
  const { status, oauth = 'invalid_request' } = error.entry;
  return {
    status,
    headers: retryHeader(status, error),
    body: { error: oauth, error_description: error.sentence, request_id: requestId },
  };
}

function retryHeader(status: number, { retryAfterSeconds: own }: GatewayError): Record<string, string> {
  return status === 503 || status === 429 ? { 'Retry-After': String(own ?? retryAfterSeconds) } : {};
}

/** RFC 6750 §3.1: no error code when the request carried no token at all. */
function challenge(status: number, hadToken: boolean): Record<string, string> {
  if (status !== 401) return {};
  return { 'WWW-Authenticate': hadToken ? 'Bearer error="invalid_token"' : 'Bearer' };
}
