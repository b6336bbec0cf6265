// Reads conditions as `--where` has them: `or` binds less than `and`, and that less than `not`. What is wrong
// has a place here; its words are the server's, which is asked for them.

import { ENTRIES, OPERATORS, find, number, seconds, time } from './fields.js';

/** @typedef {import('./fields.js').Field} Field */
/** @typedef {string | number | boolean | null} Value */
/**
 * @typedef {object} Condition
 * @property {'condition'} type
 * @property {Field} field
 * @property {string} key of an entry
 * @property {string} operator one of = ~ < <= > >=
 * @property {readonly Value[]} values of which one has to fit; null for what is missing
 */
/** @typedef {{type: 'all' | 'some', parts: readonly Tree[]}} Several */
/** @typedef {Condition | Several | {type: 'not', inner: Tree}} Tree */
/** @typedef {{kind: 'sign' | 'quoted' | 'plain' | 'end', text: string, start: number, end: number}} Word */

/** Characters of the longest text that the server reads. */
const LONGEST = 2000;
const JOINING = ['and', 'or', 'not'];

/** Where a text is wrong. */
export class Fault extends Error {
  /** @param {{start: number, end: number}} place @param {boolean} [isRange] and no condition */
  constructor({ start, end }, isRange = false) {
    super('This cannot be understood');
    this.isRange = isRange;
    this.start = start;
    this.end = end;
  }
}

/** @param {string} text @returns {Word[]} */
function words(text) {
  const pattern = /\s*(?:(!=|<=|>=|==|!~|[()=<>~,])|"([^"]*)"|'([^']*)'|([^\s()=<>!~,"']+))/uy;
  const last = text.trimEnd().length;
  /** @type {Word[]} */
  const found = [];
  while (pattern.lastIndex < last) {
    const from = pattern.lastIndex;
    const start = from + text.slice(from).search(/\S/);
    const [, sign, double, single, plain] = pattern.exec(text) ?? [];
    const word = sign ?? plain ?? double ?? single;
    const isQuote = text[start] === '"' || text[start] === "'";
    if (word === undefined) throw new Fault({ start, end: isQuote ? text.length : start + 1 });
    const kind = sign ? 'sign' : plain ? 'plain' : 'quoted';
    found.push({ kind, text: word, start, end: pattern.lastIndex });
  }
  return [...found, { kind: 'end', text: '', start: text.length, end: text.length }];
}

/** Return what an expression means. @param {string} text @returns {Tree} @throws {Fault} */
export function parse(text) {
  if (text.length > LONGEST) throw new Fault({ start: LONGEST, end: text.length });
  const reader = new Reader(words(text));
  const tree = reader.any();
  if (reader.next.kind !== 'end') throw new Fault(reader.next);
  return tree;
}

/** Yield the conditions of a tree. @param {Tree} tree @returns {Generator<Condition, void>} */
export function* conditions(tree) {
  if (tree.type === 'condition') yield tree;
  else for (const part of tree.type === 'not' ? [tree.inner] : tree.parts) yield* conditions(part);
}

/** Reads the words of one expression from the first to the last. */
class Reader {
  /** @param {Word[]} all */
  constructor(all) {
    this.all = all;
    this.place = 0;
  }

  /** @returns {Word} */
  get next() {
    return this.all[Math.min(this.place, this.all.length - 1)];
  }

  take() {
    const word = this.next;
    this.place++;
    return word;
  }

  /** Take the next word if it is one of these. @param {readonly string[]} texts */
  takes(...texts) {
    const found = this.next.kind !== 'quoted' && texts.includes(this.next.text.toLowerCase());
    if (found) this.place++;
    return found;
  }

  /** @param {string} sign */
  require(sign) {
    if (!this.takes(sign)) throw new Fault(this.next);
  }

  any() {
    return this.several('or', 'some', () => this.several('and', 'all', () => this.part()));
  }

  /** @param {string} word @param {'all' | 'some'} type @param {() => Tree} read @returns {Tree} */
  several(word, type, read) {
    const parts = [read()];
    while (this.takes(word)) parts.push(read());
    return parts.length === 1 ? parts[0] : { type, parts };
  }

  /** @returns {Tree} */
  part() {
    if (this.takes('not')) return { type: 'not', inner: this.part() };
    if (!this.takes('(')) return this.condition();
    const found = this.any();
    this.require(')');
    return found;
  }

  /** @returns {Tree} */
  condition() {
    const { field, key } = this.field(this.take());
    const sign = this.next;
    const isNotIn = this.all[this.place + 1]?.text.toLowerCase() === 'in' && this.takes('not');
    const isOne = !this.takes('in');
    if (isOne && !this.takes('==', ...OPERATORS.entry)) {
      if (field.kind !== 'truth') throw new Fault(sign);
      return { type: 'condition', field, key, operator: '=', values: [true] };
    }
    const isNot = isNotIn || ['!=', '!~'].includes(sign.text);
    const operator = !isOne || sign.text === '==' ? '=' : sign.text;
    const plain = isNot && isOne ? operator.slice(1) : operator;
    const goes = OPERATORS[field.kind].includes(operator);
    if (!isOne && !goes) throw new Fault(sign);
    const values = isOne ? [this.value(field, plain)] : this.list(field);
    if (!goes && !(values[0] === null && plain === '=')) throw new Fault(sign); // anything may be missing
    /** @type {Tree} */
    const inner = { type: 'condition', field, key, operator: plain, values };
    return isNot ? { type: 'not', inner } : inner;
  }

  /** @param {Word} word */
  field(word) {
    const isPlain = word.kind === 'plain' && !JOINING.includes(word.text.toLowerCase());
    const [name = '', ...rest] = word.text.split('.');
    const field = find(word.text) ?? ENTRIES.get(name);
    if (!isPlain || !field) throw new Fault(word);
    const isQuoted = word.text === `${name}.` && this.next.kind === 'quoted' && this.next.start === word.end;
    const key = isQuoted ? this.take().text : rest.join('.');
    if (field.kind === 'entry' && !key) throw new Fault(word);
    return { field, key };
  }

  /** @param {Field} field @returns {Value[]} */
  list(field) {
    this.require('(');
    const found = [this.value(field, '=')];
    while (this.takes(',')) found.push(this.value(field, '='));
    this.require(')');
    return found;
  }

  /** @param {Field} field @param {string} operator @returns {Value} */
  value(field, operator) {
    const word = this.take();
    const text = word.text.toLowerCase();
    const isPlain = word.kind === 'plain' && !JOINING.includes(text);
    if (!isPlain && word.kind !== 'quoted') throw new Fault(word);
    const mayMiss = operator === '=' && field.kind !== 'truth' && field.kind !== 'stale';
    if (mayMiss && isPlain && text === 'none') return null;
    const found = converted(field, operator, word.text);
    if (found === undefined) throw new Fault(word);
    return found;
  }
}

/** @type {Readonly<Record<string, boolean>>} */
const TRUTHS = { yes: true, true: true, no: false, false: false };

/** @param {Field} field @param {string} operator @param {string} text @returns {Value | undefined} */
function converted({ kind, words }, operator, text) {
  switch (kind) {
    case 'word': return new Map(Object.entries(words)).get(text.toLowerCase());
    case 'truth': return new Map(Object.entries(TRUTHS)).get(text.toLowerCase());
    case 'number': return number(text);
    case 'time': return time(text);
    case 'age': case 'stale': return seconds(text);
    case 'entry': return operator === '=' || operator === '~' ? text : number(text);
    default: return text;
  }
}
