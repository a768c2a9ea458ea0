import { createMemoryStore } from './memory/memory-store.ts';
import type { Store } from './model.ts';
import { openSqliteStore } from './sqlite/sqlite-store.ts';

export type StoreSettings =
  | { readonly kind: 'memory' }
  | {
      readonly kind: 'sqlite' /** Of the database file; its folder is made when missing. */;
      readonly path: string;
    };

/** Opens the store the operator chose. Rejects when it is unreachable, of a newer version or held by another process. */
export async function openStore(settings: StoreSettings): Promise<Store> {
  switch (settings.kind) {
    case 'memory':
      return createMemoryStore();
    case 'sqlite':
      return await openSqliteStore({ path: settings.path });
  }
}
