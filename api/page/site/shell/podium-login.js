import { wordsOf } from '../core/api.js';
import { h, Part } from '../core/elements.js';

/** Asks for a name and a password, or a token, and exchanges them for a cookie that scripts cannot read. */
class PodiumLogin extends Part {
  #name = input({ name: 'name', type: 'text', autocomplete: 'username' });
  #secret = input({ name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  #button = h('button', { class: 'primary', 'data-action': 'log in' }, 'Log in');
  #fault = h('p', { class: 'fault', role: 'alert' });

  show() {
    const isOver = this.page.session.state === 'ended';
    this.replaceChildren(h('form', { class: 'panel narrow', onsubmit: this.#send.bind(this) },
      h('h2', {}, 'Log in to Podium'),
      isOver && h('p', { class: 'warning' }, 'Your session has ended. Log in to go on where you were.'),
      this.#fault, h('div', { class: 'fields' }, h('label', {}, 'Name (none for a token)', this.#name),
        h('label', {}, 'Password or token', this.#secret)), this.#button));
    this.#name.focus();
  }

  /** @param {SubmitEvent} event */
  async #send(event) {
    event.preventDefault();
    const [name, secret] = [this.#name.value, this.#secret.value];
    this.#button.disabled = true;
    const asked = this.page.session.load(name ? { name, password: secret } : { token: secret });
    this.#fault.textContent = await asked.then(() => '', wordsOf);
    this.#button.disabled = false;
    this.#secret.select();
  }
}

/** @param {object} given */
const input = (given) => h('input', { autocapitalize: 'none', spellcheck: 'false', ...given });

customElements.define('podium-login', PodiumLogin);
