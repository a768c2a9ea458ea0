import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { badTokens, type MintRequest } from './minting.ts';
import type { JobRequest } from './sample-claims.ts';

const audience = z.union([z.string(), z.array(z.string())]);
const job = {
  claims: z.record(z.string(), z.json()).exactOptional(),
  omit: z.array(z.string()).exactOptional(),
  subjectForm: z.string().exactOptional(),
  subjectKeys: z.array(z.string()).min(1).exactOptional(),
};
const mintRequest = z.strictObject({
  ...job,
  audience: audience.exactOptional(),
  bad: z.enum(badTokens).exactOptional(),
});
const jobRequest = z.strictObject({
  ...job,
  audience: audience.exactOptional(),
  id_tokens: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.strictObject({ aud: audience }))
    .exactOptional(),
});

export interface StartJobRequest extends JobRequest {
  /** Audience of platforms that name none per token. */
  readonly audience?: string | readonly string[];
  /** Name of a variable → the token it shall hold, as a pipeline file says it. */
  readonly id_tokens?: Readonly<Record<string, { readonly aud: string | readonly string[] }>>;
}

/** Throws an `Error` in plain words. */
export const parseMintRequest = (body: string): MintRequest => parse(mintRequest, body);
/** Throws an `Error` in plain words. */
export const parseStartJobRequest = (body: string): StartJobRequest => parse(jobRequest, body);

function parse<T>(schema: z.ZodType<T>, body: string): T {
  let json: unknown;
  try {
    json = JSON.parse(body === '' ? '{}' : body);
  } catch {
    throw new Error('the body is not JSON');
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`${issue?.path.join('.') || 'body'}: ${issue?.message}`);
}

const maxBodyBytes = 65_536;

/** The whole body as text; throws if it is larger than 64 KiB. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
