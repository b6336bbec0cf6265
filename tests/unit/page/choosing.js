// Prints which nodes the page chooses: of rows as the API lists them, by conditions as the server has read
// them. See tests/unit/client/test_selection_vectors.py.
import { readFileSync } from 'node:fs';

import { Records } from '../../../api/page/site/core/loading.js';
import { met } from '../../../api/page/site/selection/matching.js';

const { rows, now, given } = JSON.parse(readFileSync('/dev/stdin', 'utf8'));
const found = given.map((/** @type {any} */ { conditions, columns }) => {
  const records = new Records();
  records.know(columns);
  const fits = met(conditions);
  /** @type {import('../../../api/page/site/core/loading.js').Node[]} */
  const nodes = rows.map((/** @type {any} */ row) => records.made(row));
  return nodes.filter((node) => fits(node, now)).map(({ name }) => name);
});
console.log(JSON.stringify(found));
