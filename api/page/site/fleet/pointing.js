import { setText } from '../core/elements.js';
import { stateOf } from '../core/words.js';

/** What the pointer does on the heat map: shows a node's name, chooses one or a range of them, opens one. */
export class Pointing {
  /** @type {string} the node where a range begins that is being drawn */ #from = '';
  #isRange = false;

  /** @param {import('./podium-heatmap.js').PodiumHeatmap} map */
  constructor(map) {
    this.map = map;
    this.choice = map.page.choice;
  }

  follow() {
    const { map, map: { scroller } } = this;
    if (!scroller) return;
    map.listen(scroller, 'pointermove', (event) => this.#move(event));
    map.listen(scroller, 'pointerleave', () => this.#show(-1));
    map.listen(scroller, 'scroll', () => this.#show(-1));
    map.listen(scroller, 'pointerdown', (event) => this.#press(event));
    map.listen(scroller, 'click', (event) => this.#click(event));
    map.listen(scroller, 'dblclick', (event) => {
      const node = map.nodes[this.#at(event)];
      if (node) map.page.address.go('nodes', node.name);
    });
  }

  /** @param {MouseEvent} event @returns the place of the node there, or -1 */
  #at(event) {
    const { picture, scroller } = this.map;
    if (!picture || !scroller) return -1;
    const { left, top } = scroller.getBoundingClientRect();
    const y = event.clientY - top + scroller.scrollTop;
    return picture.layout.at((event.clientX - left) * picture.unit, y * picture.unit);
  }

  /** @param {PointerEvent} event */
  #press(event) {
    this.#isRange = false;
    const draws = event.pointerType !== 'touch' && event.button === 0;
    this.#from = draws ? this.map.nodes[this.#at(event)]?.uuid ?? '' : '';
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const place = this.#at(event);
    this.#show(place, event);
    const node = this.map.nodes[place];
    if (!(event.buttons & 1) || !this.#from || !node || (node.uuid === this.#from && !this.#isRange)) return;
    this.#isRange = true;
    this.choice.range(this.#from, node.uuid, this.map.nodes);
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const node = this.map.nodes[this.#at(event)];
    if (!node || this.#isRange) return;
    if (event.shiftKey) this.choice.range(this.choice.anchor ?? node.uuid, node.uuid, this.map.nodes);
    else if (event.ctrlKey || event.metaKey) this.choice.toggle(node.uuid);
    else this.choice.set([node.uuid]);
  }

  /** Say which node is under the pointer.  @param {number} place @param {MouseEvent} [event] */
  #show(place, event) {
    const { pointer, tip, picture, nodes } = this.map;
    const node = nodes[place];
    if (!pointer || !tip || !picture) return;
    pointer.hidden = tip.hidden = !node;
    if (!node || !event) return;
    const { layout, unit } = picture;
    const { x, y } = layout.place(place);
    const side = `${(layout.size - layout.gap) / unit}px`;
    Object.assign(pointer.style, { left: `${x / unit}px`, top: `${y / unit}px`, width: side, height: side });
    const health = node.health ? `health ${node.health.status}` : '';
    const way = node.target_power_state ? `${node.target_power_state} under way` : '';
    const others = [node.maintenance && 'maintenance', node.power_failures > 0 && 'failing'];
    setText(tip, [node.name, stateOf(node), way, health, ...others].filter(Boolean).join(' · '));
    const [left, below] = [event.clientX + 14, event.clientY + 18];
    tip.style.left = `${Math.max(4, Math.min(left, innerWidth - tip.offsetWidth - 4))}px`;
    const above = event.clientY - tip.offsetHeight - 10;
    tip.style.top = `${below + tip.offsetHeight > innerHeight ? above : below}px`;
  }
}
