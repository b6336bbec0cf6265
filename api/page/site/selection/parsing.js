// Reads conditions as `--where` has them: `or` binds less than `and`, and that less than `not`.

import { ENTRIES, OPERATORS, find } from './fields.js';
import { columnsOf, met } from './matching.js';

/** @typedef {import('./fields.js').Field} Field */
/** @typedef {import('./fields.js').Value} Value */
/** @typedef {import('./matching.js').Test} Test */
/**
 * @typedef {object} Condition
 * @property {Field} field
 * @property {string} key of an entry
 * @property {string} operator one of = ~ < <= > >=
 * @property {readonly Value[]} values of which one has to fit; null for what is missing
 */
/** @typedef {{kind: 'sign' | 'quoted' | 'plain' | 'end', text: string, isApart: boolean}} Word */

const JOINING = ['and', 'or', 'not'];

/** A text that cannot be understood; what is wrong with it, and where, is said by the server. */
export class Fault extends Error {}

/** @returns {never} */
function refuse() { throw new Fault('This cannot be understood'); }

/** @param {string} text @returns {Word[]} */
function words(text) {
  const pattern = /(\s*)(?:(!=|<=|>=|==|!~|[()=<>~,])|"([^"]*)"|'([^']*)'|([^\s()=<>!~,"']+))/uy;
  const last = text.trimEnd().length;
  /** @type {Word[]} */
  const found = [];
  while (pattern.lastIndex < last) {
    const [, gap = '', sign, double, single, plain] = pattern.exec(text) ?? [];
    const word = sign ?? plain ?? double ?? single ?? refuse();
    found.push({ kind: sign ? 'sign' : plain ? 'plain' : 'quoted', text: word, isApart: gap !== '' });
  }
  return [...found, { kind: 'end', text: '', isApart: true }];
}

/**
 * Return which nodes an expression chooses, and the columns that it looks at.
 * @param {string} text @throws {Fault}
 */
export function parse(text) {
  const reader = new Reader(words(text));
  const fits = reader.any();
  return reader.words[0].kind === 'end' ? { fits, columns: [...reader.columns] } : refuse();
}

/** @param {Test} inner @returns {Test} */
const inverse = (inner) => (node, world) => !inner(node, world);

/** Reads the words of one expression from the first to the last. */
class Reader {
  /** @param {Word[]} words */
  constructor(words) {
    this.words = words;
    this.columns = new Set();
  }

  /** @returns {Word} */
  take() {
    const [word] = this.words;
    if (word.kind !== 'end') this.words.shift();
    return word;
  }

  /** Take the next word if it is one of these. @param {readonly string[]} texts */
  takes(...texts) {
    const { kind, text } = this.words[0];
    return (kind === 'sign' || kind === 'plain') && texts.includes(text.toLowerCase()) && this.take().text;
  }

  /** @returns {Test} */
  any() {
    const parts = this.several('or', () => this.all());
    return (node, world) => parts.some((part) => part(node, world));
  }

  /** @returns {Test} */
  all() {
    const parts = this.several('and', () => this.part());
    return (node, world) => parts.every((part) => part(node, world));
  }

  /** @template T @param {string} between @param {() => T} read @returns {T[]} */
  several(between, read) {
    const parts = [read()];
    while (this.takes(between)) parts.push(read());
    return parts;
  }

  /** @template T @param {() => T} read what is in parentheses @returns {T} */
  inside(read) {
    const found = this.takes('(') ? read() : refuse();
    return this.takes(')') ? found : refuse();
  }

  /** @returns {Test} */
  part() {
    if (this.takes('not')) return inverse(this.part());
    return this.words[0].text === '(' ? this.inside(() => this.any()) : this.condition();
  }

  /** @returns {Test} */
  condition() {
    const { field, key } = this.field(this.take());
    for (const column of columnsOf({ field, key })) this.columns.add(column);
    const isNotIn = this.words[1]?.text.toLowerCase() === 'in' && this.takes('not');
    const isMany = Boolean(this.takes('in'));
    const sign = isMany || this.takes('==', '!=', '!~', ...Object.keys(OPERATORS.entry));
    if (!sign) {
      return field.kind === 'truth' ? met({ field, key, operator: '=', values: [true] }) : refuse();
    }
    const operator = isMany ? '=' : String(sign).replace('==', '=').replace('!', '');
    const read = () => this.value(field, operator);
    const values = isMany ? this.inside(() => this.several(',', read)) : [read()];
    const isNone = values[0] === null && operator === '=' && !isMany;  // anything may be missing
    if (!isNone && !(operator in OPERATORS[field.kind])) refuse();
    const fits = met({ field, key, operator, values });
    return isNotIn || String(sign).startsWith('!') ? inverse(fits) : fits;
  }

  /** @param {Word} word */
  field(word) {
    const [name = '', ...rest] = word.text.split('.');
    const field = find(word.text) ?? ENTRIES.get(name);
    if (!isText(word) || word.kind === 'quoted' || !field) refuse();
    const [{ kind, isApart }] = this.words;
    const isQuoted = word.text === `${name}.` && kind === 'quoted' && !isApart;
    const key = isQuoted ? this.take().text : rest.join('.');
    return field.kind === 'entry' && !key ? refuse() : { field, key };
  }

  /** @param {Field} field @param {string} operator @returns {Value} */
  value({ kind, words }, operator) {
    const word = this.take();
    const mayMiss = operator === '=' && kind !== 'truth' && kind !== 'stale';
    if (mayMiss && word.kind === 'plain' && word.text.toLowerCase() === 'none') return null;
    const read = OPERATORS[kind][operator] ?? Object.values(OPERATORS[kind])[0];
    return (isText(word) ? read(word.text, words) : undefined) ?? refuse();
  }
}

/** Whether a word may be a value. @param {Word} word */
function isText({ kind, text }) {
  return kind === 'quoted' || (kind === 'plain' && !JOINING.includes(text.toLowerCase()));
}
