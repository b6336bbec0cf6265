// The fields of a node that conditions are about, and what each is compared with, as `--where` has them.

/** @typedef {'text'|'word'|'number'|'truth'|'age'|'time'|'stale'|'entry'} Kind */
/** @typedef {ReadonlyMap<string, string | boolean>} Words what a field may be, by what is written for it */
/** @typedef {{name: string, kind: Kind, words: Words}} Field */
/** @typedef {string | number | boolean | null} Value */

/** Words that stand for themselves. @param {string} words */
const same = (words) => Object.fromEntries(words.split(',').map((one) => [one, one]));
const STATES = { on: 'power on', off: 'power off', ...same('power on,power off,error') };
const ACTIONS = 'rebooting,soft power off,soft rebooting,power cycle,inject nmi,change credentials';
const BESIDE_POWER = 'set boot device,identify,clear log,set clock,driver action';
const TARGETS = { ...STATES, ...same(ACTIONS), ...same(BESIDE_POWER), reboot: 'rebooting' };
const TRUTHS = { yes: true, no: false, true: true, false: false };

/** @param {Kind} kind @param {string} names @param {Record<string, any>} [words] @returns {Field[]} */
const those = (kind, names, words = {}) =>
  names.split(' ').map((name) => ({ name, kind, words: new Map(Object.entries(words)) }));
/** @param {Field[]} fields */
const named = (fields) => new Map(fields.map((one) => [one.name, one]));

/** The fields without entries, by name. */
export const FIELDS = named([
  ...those('word', 'power_state', STATES),
  ...those('word', 'wanted_power_state target_power_state', TARGETS),
  ...those('word', 'health', same('ok,warning,critical')),
  ...those('truth', 'failing unhealthy unserved would_enforce maintenance retired', TRUTHS),
  ...those('age', 'age'),
  ...those('stale', 'stale'),
  ...those('text', 'name driver conductor conductor_group owner last_error power_requested_by uuid fault'),
  ...those('text', 'power_policy enforcement maintenance_reason reservation reserved_for provision_state'),
  ...those('text', 'instance_uuid instance_name resource_class lessee shard parent_node chassis_uuid'),
  ...those('text', 'description'),
  ...those('number', 'power_failures power_request_id slot clock_offset'),
  ...those('time', 'power_changed_at power_checked_at power_requested_at health_checked_at reserved_at'),
  ...those('time', 'provision_updated_at created_at updated_at'),
]);
/** The fields with entries, `extra.rack`. */
export const ENTRIES = named(those('entry', 'extra properties driver_info'));

/** Return the field without entries of that name. @param {string} name */
export const find = (name) => FIELDS.get(name === 'power_state_age' ? 'age' : name);

/** @typedef {(text: string) => number | undefined} Reading of what a person wrote */
/** @type {Reading} */
export const number = (text) => (/^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : undefined);

const UNITS = new Map([['', 1], ['s', 1], ['m', 60], ['h', 3600], ['d', 86_400], ['w', 604_800]]);
const LONGEST_AGE = 315_360_000;

/** The seconds of a length of time such as `90s` or `5m`. @type {Reading} */
export function seconds(text) {
  const [, amount, unit = ''] = /^(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)$/.exec(text) ?? [];
  const given = Number(amount) * (UNITS.get(unit) ?? 1);
  return given <= LONGEST_AGE ? given : undefined;
}

const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ]((?!24)\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** A moment in milliseconds, without an offset one of UTC. @type {Reading} */
export function time(text) {
  const [, date = '', clock = '00:00', zone = 'Z'] = TIME.exec(text) ?? [];
  // There is no 31st of June, and no year 0.
  const isDay = date > '0001' && new Date(`${date}T00:00Z`).toJSON()?.startsWith(date);
  const moment = Date.parse(`${date}T${clock}${zone}`);
  return isDay && !isNaN(moment) ? moment : undefined;
}

/** @typedef {(text: string, words: Words) => string | number | boolean | undefined} Reader */
/** @type {Reader} */
const word = (text, words) => words.get(text.toLowerCase());
/** @type {Reader} */
const text = (given) => given;
/** @param {Reader} read */
const ordered = (read) => ({ '<': read, '<=': read, '>': read, '>=': read });
/** The operators that go with each kind of field, and what makes values of what is written behind each.
 * @type {Readonly<Record<Kind, Record<string, Reader>>>} */
export const OPERATORS = {
  text: { '=': text, '~': text }, word: { '=': word }, truth: { '=': word }, stale: { '>': seconds },
  number: { '=': number, ...ordered(number) }, age: ordered(seconds), time: ordered(time),
  entry: { '=': text, '~': text, ...ordered(number) },
};
