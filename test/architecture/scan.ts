import { type Node, parseSync } from 'oxc-parser';

/** Reads one source file and tells what it imports and which forbidden things it does. */

export interface Import {
  readonly target: string;
  readonly isTypeOnly: boolean;
}

export interface Scan {
  readonly imports: readonly Import[];
  /** Direct use of time, randomness, environment, network: allowed only where ports are made real. */
  readonly ambient: readonly string[];
  /** Allowed nowhere. */
  readonly forbidden: readonly string[];
}

/** Members of globals (or of well-known modules) that stand for a port. */
const ambientMembers =
  /^(?:Date\.now|Math\.random|performance\.now|process\.(?:env|hrtime)|(?:\w*[cC]rypto)\.(?:random\w*|getRandomValues))$/;
const ambientGlobals = new Set(['fetch', 'setTimeout', 'setInterval', 'setImmediate']);
const ambientImports = /^(?:random\w*|getRandomValues|webcrypto)$/;
/** What Koa derives from headers that any client can write (security rule N1). */
const forbiddenMembers =
  /^(?:app\.proxy|(?:ctx|context|ctx\.request|context\.request|request)\.(?:ip|ips|host|hostname|origin|href|protocol|secure|subdomains))$/;

type Fields = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node & Fields {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function children(node: Fields): readonly (Node & Fields)[] {
  return Object.values(node)
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .filter(isNode);
}

/** Wrappers that change the type of an expression, not its value. */
const wrappers =
  /^(?:ChainExpression|ParenthesizedExpression|TS(?:As|NonNull|Satisfies|Instantiation)Expression|TSTypeAssertion)$/;

/** `a.b.c` for a chain of plain members, `a['b']` included; `globalThis.` is left out. */
function dotted(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier') return node.name;
  if (wrappers.test(node.type)) return dotted((node as Fields)['expression']);
  if (node.type !== 'MemberExpression') return undefined;
  const { object, property, computed } = node;
  const name = computed
    ? property.type === 'Literal'
      ? String(property.value)
      : undefined
    : dotted(property);
  const owner = dotted(object);
  if (name === undefined || owner === undefined) return undefined;
  return owner === 'globalThis' || owner === 'global' ? name : `${owner}.${name}`;
}

/** Names that the file itself binds: parameters, variables, functions, imports. In the whole file they count as its own. */
function boundNames(node: Node & Fields, names: Set<string>): void {
  const bind = (pattern: unknown): void => {
    if (!isNode(pattern)) return;
    if (pattern.type === 'Identifier') names.add(pattern.name);
    else if (pattern.type === 'ObjectPattern') {
      for (const property of pattern.properties)
        bind('value' in property ? property.value : property.argument);
    } else if (pattern.type === 'ArrayPattern') for (const element of pattern.elements) bind(element);
    else if (pattern.type === 'AssignmentPattern') bind(pattern.left);
    else if (pattern.type === 'RestElement') bind(pattern.argument);
  };
  if (node.type === 'VariableDeclarator' || node.type === 'FunctionDeclaration') bind(node.id);
  if ('params' in node && Array.isArray(node.params)) for (const parameter of node.params) bind(parameter);
  if ('local' in node && node.type.startsWith('Import')) bind(node.local);
  for (const child of children(node)) boundNames(child, names);
}

/** Visits every expression once, and tells its parent: a name behind a dot or before a colon is no use of a global. */
function walk(node: Node & Fields, visit: (node: Node & Fields, parent: Node & Fields) => void): void {
  for (const child of children(node)) {
    visit(child, node);
    walk(child, visit);
  }
}

function isPlainUse(node: Node & Fields, parent: Node & Fields): boolean {
  if (node.type !== 'Identifier') return false;
  if (parent.type === 'MemberExpression') return parent.object === node || parent.computed;
  if (parent.type === 'Property') return parent.value === node;
  if (parent.type.startsWith('TS')) return wrappers.test(parent.type);
  return !('key' in parent && parent.key === node);
}

/** `const { env } = process` → `process.env`. */
function destructured(node: Node & Fields): readonly string[] {
  if (node.type !== 'VariableDeclarator' || !isNode(node.init) || !isNode(node.id)) return [];
  const owner = dotted(node.init);
  if (owner === undefined || node.id.type !== 'ObjectPattern') return [];
  return node.id.properties.flatMap((property) => {
    const name = property.type === 'Property' ? dotted(property.key) : undefined;
    return name === undefined ? [] : [owner === 'globalThis' ? name : `${owner}.${name}`];
  });
}

function importsOf(name: string, source: string): { imports: Import[]; forbidden: string[] } {
  const { module, errors, program } = parseSync(name, source);
  const imports: Import[] = [];
  const forbidden = errors.map(({ message }) => `does not parse: ${message}`);
  for (const { moduleRequest, entries } of module.staticImports) {
    imports.push({
      target: moduleRequest.value,
      isTypeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
    });
  }
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, isType, exportName } of entries) {
      if (moduleRequest !== null) imports.push({ target: moduleRequest.value, isTypeOnly: isType });
      if (String(exportName.kind) === 'Default') forbidden.push('default export');
      if (exportName.name === 'default') forbidden.push('default export');
    }
  }
  for (const { moduleRequest } of module.dynamicImports) {
    const literal = /^(['"])([^'"$\\]+)\1$/.exec(source.slice(moduleRequest.start, moduleRequest.end));
    if (literal?.[2] === undefined) forbidden.push('dynamic import of a computed name');
    else imports.push({ target: literal[2], isTypeOnly: false });
  }
  walk(program as unknown as Node & Fields, (node) => {
    if (node.type === 'TSImportType') imports.push({ target: node.source.value, isTypeOnly: true });
  });
  return { imports, forbidden };
}

export function scan(name: string, source: string): Scan {
  const { imports, forbidden } = importsOf(name, source);
  const ambient: string[] = [];
  const program = parseSync(name, source).program as unknown as Node & Fields;
  const own = new Set<string>();
  boundNames(program, own);

  const judge = (path: string): void => {
    if (ambientMembers.test(path) || ambientGlobals.has(path)) ambient.push(path);
    if (forbiddenMembers.test(path)) forbidden.push(path);
  };

  walk(program, (node, parent) => {
    for (const path of destructured(node)) judge(path);
    if (node.type === 'MemberExpression') {
      const path = dotted(node);
      if (path !== undefined && (path.includes('.') || !own.has(path))) judge(path);
    }
    if (isPlainUse(node, parent) && node.type === 'Identifier' && !own.has(node.name)) {
      if (ambientGlobals.has(node.name)) ambient.push(node.name);
      if (node.name === 'require') forbidden.push('require');
    }
    if (node.type === 'NewExpression' || node.type === 'CallExpression') {
      if (dotted(node.callee) === 'Date' && node.arguments.length === 0) ambient.push('new Date()');
    }
    if (node.type === 'ImportSpecifier') {
      const imported = dotted(node.imported) ?? '';
      const from = isNode(parent) && parent.type === 'ImportDeclaration' ? parent.source.value : '';
      if (/^(?:node:)?crypto$/.test(from) && ambientImports.test(imported))
        ambient.push(`crypto.${imported}`);
    }
    if (node.type === 'Identifier' && node.name === 'createRemoteJWKSet') forbidden.push(node.name);
    if (node.type === 'TSEnumDeclaration') forbidden.push('enum');
  });
  return { imports, ambient: [...new Set(ambient)], forbidden: [...new Set(forbidden)] };
}
