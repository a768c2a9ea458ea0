import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Where text for people goes; coloured on a terminal only. */
export interface Terminal {
  line(text?: string): void;
  heading(text: string): void;
  /** One thing that was done, and whether it came out as it should. */
  outcome(isGood: boolean, what: string, result: string): void;
  /** A named value below a step. */
  detail(name: string, value: string): void;
  dim(text: string): void;
}

const whatWidth = 46;

export function createTerminal(stream: NodeJS.WriteStream): Terminal {
  const isColoured = stream.isTTY === true && stream.hasColors();
  const paint = (style: Style, text: string): string => (isColoured ? styleText(style, text) : text);
  const write = (text: string): void => {
    stream.write(`${text}\n`);
  };

  return {
    line: (text = '') => write(text === '' ? '' : `  ${text}`),
    heading: (text) => write(`\n  ${paint('bold', text)}`),
    outcome: (isGood, what, result) => {
      const mark = isGood ? paint('green', '✓') : paint('red', '✗');
      write(`    ${mark} ${what.padEnd(whatWidth)} ${paint(isGood ? 'reset' : 'red', result)}`.trimEnd());
    },
    detail: (name, value) => write(`      ${paint('dim', name.padEnd(whatWidth))} ${value}`.trimEnd()),
    dim: (text) => write(`  ${paint('dim', text)}`),
  };
}
