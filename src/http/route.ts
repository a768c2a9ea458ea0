import type { z } from 'zod';
import type { Actor } from '../access/model.ts';

export interface Call<Body, Query> {
  readonly actor: Actor;
  /** Decoded path parameters. */
  readonly params: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly query: Query;
}

interface Described {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Path pattern; a parameter is `:name`. */
  readonly path: string;
  /** One sentence: what the endpoint does. */
  readonly summary: string;
  /** Whatever is not declared here does not leave the process. */
  readonly response: z.ZodType;
}

/** One management endpoint. Router, guards and documents all come from this value. */
export interface Route extends Described {
  readonly body: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  /** Without authentication, `actor` must not be touched; only the bootstrap does that. */
  readonly isPublic: boolean;
  readonly handle: (call: Call<unknown, unknown>) => unknown;
}

/** Ties the types of a handler to its schemas; afterwards they are guarded at run time only. */
export function route<Body extends z.ZodType = z.ZodUndefined, Query extends z.ZodType = z.ZodUndefined>(
  definition: Described & {
    readonly body?: Body;
    readonly query?: Query;
    readonly isPublic?: true;
    readonly handle: (call: Call<z.output<Body>, z.output<Query>>) => unknown;
  },
): Route {
  const { body, query, isPublic = false, handle, ...rest } = definition;
  return {
    ...rest,
    body,
    query,
    isPublic,
    handle: (call) => handle(call as Call<z.output<Body>, z.output<Query>>),
  };
}
