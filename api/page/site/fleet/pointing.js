import { link } from '../core/address.js';
import { setText } from '../core/elements.js';
import { stateOf } from '../core/words.js';

/**
 * Have the pointer show a node's name on the heat map, choose one or a range of nodes, and open one.
 * @param {import('./podium-heatmap.js').PodiumHeatmap} map
 */
export function follow(map) {
  const { scroller, page: { choice } } = map;
  const at = (/** @type {MouseEvent} */ { clientX, clientY }) => {
    const { left, top } = scroller.getBoundingClientRect();
    const unit = map.picture?.unit ?? 1;
    return map.picture?.layout.at((clientX - left) * unit, (clientY - top + scroller.scrollTop) * unit) ?? -1;
  };
  map.listen(scroller, 'scroll', () => point(map, -1));
  map.listen(scroller, 'pointerleave', () => point(map, -1));
  map.listen(scroller, 'pointermove', (event) => point(map, at(event), event));
  map.listen(scroller, 'click', (event) => {
    const uuid = map.nodes[at(event)]?.uuid;
    if (!uuid) return;
    if (event.shiftKey) choice.range(choice.anchor ?? uuid, uuid, map.nodes);
    else if (event.ctrlKey || event.metaKey) choice.toggle(uuid);
    else choice.set([uuid]);
  });
  map.listen(scroller, 'dblclick', (event) => {
    const node = map.nodes[at(event)];
    if (node) location.hash = link('nodes', node.name);
  });
}

/**
 * Say which node is under the pointer.
 * @param {import('./podium-heatmap.js').PodiumHeatmap} map @param {number} place @param {MouseEvent} [event]
 */
function point({ pointer, tip, picture, nodes }, place, event) {
  const node = nodes[place];
  pointer.hidden = tip.hidden = !node;
  if (!node || !event || !picture) return;
  const { layout: { x, y }, side: long } = picture;
  const [left, top, side] = [x[place], y[place], long].map((size) => `${size / picture.unit}px`);
  Object.assign(pointer.style, { left, top, width: side, height: side });
  const way = node.target_power_state && `${node.target_power_state} under way`;
  const others = [node.maintenance && 'maintenance', node.power_failures > 0 && 'failing'];
  setText(tip, [node.name, stateOf(node), way, node.health?.status, ...others].filter(Boolean).join(' · '));
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${event.clientY + (event.clientY > innerHeight - 60 ? -34 : 18)}px`;
}
