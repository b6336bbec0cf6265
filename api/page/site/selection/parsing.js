// Reads conditions as `--where` has them: `or` binds less than `and`, and that less than `not`. What is wrong
// has a place here; its words are the server's, which is asked for them.

import { ENTRIES, OPERATORS, READINGS, find } from './fields.js';
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
/** @typedef {{kind: 'sign' | 'quoted' | 'plain' | 'end', text: string, start: number, end: number}} Word */

const JOINING = ['and', 'or', 'not'];

/** Where a text is wrong. */
export class Fault extends Error {
  /** @param {{start: number, end: number}} place */
  constructor({ start, end }) {
    super('This cannot be understood');
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

/**
 * Return which nodes an expression chooses, and the columns that it looks at.
 * @param {string} text @throws {Fault}
 */
export function parse(text) {
  const reader = new Reader(words(text));
  const fits = reader.any();
  if (reader.words[0].kind !== 'end') throw new Fault(reader.words[0]);
  return { fits, columns: [...reader.columns] };
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

  /** @param {string} sign */
  require(sign) {
    if (!this.takes(sign)) throw new Fault(this.words[0]);
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

  /** @param {string} word @param {() => Test} read @returns {Test[]} */
  several(word, read) {
    const parts = [read()];
    while (this.takes(word)) parts.push(read());
    return parts;
  }

  /** @returns {Test} */
  part() {
    if (this.takes('not')) return inverse(this.part());
    if (!this.takes('(')) return this.condition();
    const found = this.any();
    this.require(')');
    return found;
  }

  /** @returns {Test} */
  condition() {
    const { field, key } = this.field(this.take());
    for (const column of columnsOf({ field, key })) this.columns.add(column);
    const sign = this.words[0];
    const isNotIn = this.words[1]?.text.toLowerCase() === 'in' && this.takes('not');
    const isOne = !this.takes('in');
    if (isOne && !this.takes('==', ...OPERATORS.entry)) {
      if (field.kind !== 'truth') throw new Fault(sign);
      return met({ field, key, operator: '=', values: [true] });
    }
    const isNot = isNotIn || ['!=', '!~'].includes(sign.text);
    const operator = !isOne || sign.text === '==' ? '=' : sign.text;
    const plain = isNot && isOne ? operator.slice(1) : operator;
    const goes = OPERATORS[field.kind].includes(operator);
    if (!isOne && !goes) throw new Fault(sign);
    const values = isOne ? [this.value(field, plain)] : this.list(field);
    if (!goes && !(values[0] === null && plain === '=')) throw new Fault(sign); // anything may be missing
    const fits = met({ field, key, operator: plain, values });
    return isNot ? inverse(fits) : fits;
  }

  /** @param {Word} word */
  field(word) {
    const [name = '', ...rest] = word.text.split('.');
    const field = find(word.text) ?? ENTRIES.get(name);
    if (!isText(word) || word.kind === 'quoted' || !field) throw new Fault(word);
    const [{ kind, start }] = this.words;
    const isQuoted = word.text === `${name}.` && kind === 'quoted' && start === word.end;
    const key = isQuoted ? this.take().text : rest.join('.');
    if (field.kind === 'entry' && !key) throw new Fault(word);
    return { field, key };
  }

  /** @param {Field} field @returns {Value[]} */
  list(field) {
    this.require('(');
    const found = [];
    do found.push(this.value(field, '=')); while (this.takes(','));
    this.require(')');
    return found;
  }

  /** @param {Field} field @param {string} operator @returns {Value} */
  value({ kind, words }, operator) {
    const word = this.take();
    const mayMiss = operator === '=' && kind !== 'truth' && kind !== 'stale';
    if (mayMiss && word.kind === 'plain' && word.text.toLowerCase() === 'none') return null;
    const isAmount = kind === 'entry' && operator !== '=' && operator !== '~';
    const found = isText(word) ? READINGS[isAmount ? 'number' : kind](word.text, words) : undefined;
    if (found === undefined) throw new Fault(word);
    return found;
  }
}

/** Whether a word may be a value. @param {Word} word */
function isText({ kind, text }) {
  return kind === 'quoted' || (kind === 'plain' && !JOINING.includes(text.toLowerCase()));
}
