/* Condition forms: offer only the comparisons that fit the fact, and no value for yes/no.
   Waits: "1 hour" instead of "1 hours" above a step that is folded.
   Without this script the form still works; the server checks everything. */
(function () {
  'use strict';

  // What each fact is compared with, asked of, and whether it looks back: told by the server.
  const FACTS = JSON.parse(document.currentScript.dataset.facts || '{}');
  const YES_NO = ['is_true', 'is_false'];

  function row(input) {
    // With its label, which stands beside the field's own wrapper.
    return (
      input.closest('[data-contentpath]') ||
      input.closest('.w-field__wrapper') ||
      input.parentElement
    );
  }

  // Suggest what an input may hold, where that is a closed list.
  function offer(input, choices) {
    if (!input) return;
    const id = input.name + '-offered';
    let list = document.getElementById(id);
    if (!choices.length) {
      if (list) list.remove();
      input.removeAttribute('list');
      return;
    }
    const wanted = JSON.stringify(choices);
    if (list && list.dataset.wanted === wanted) return;
    if (list) list.remove();
    list = document.createElement('datalist');
    list.id = id;
    list.dataset.wanted = wanted;
    for (const [value, words] of choices) list.append(new Option(words || value, value));
    input.after(list);
    input.setAttribute('list', id);
  }

  function adapt(fact) {
    const base = fact.name.slice(0, -'-fact'.length);
    const op = document.getElementsByName(base + '-op')[0];
    const value = document.getElementsByName(base + '-value')[0];
    if (!op || !value) return;
    const known = FACTS[fact.value];
    offer(document.getElementsByName(base + '-of')[0], known ? known.choices : []);
    offer(value, known ? known.words.map((word) => [word, '']) : []);
    // Before a fact is chosen there is nothing to leave out.
    const ops = known ? known.ops : null;
    for (const [name, shown] of [['of', !known || known.of], ['days', !known || known.windowed]]) {
      const input = document.getElementsByName(base + '-' + name)[0];
      // What was written stays visible, so that it can be taken out again.
      if (input) row(input).hidden = !shown && !input.value;
    }
    for (const option of op.options) {
      const fits = !option.value || !ops || ops.includes(option.value);
      option.hidden = option.disabled = !fits;
    }
    if (ops && op.value && !ops.includes(op.value)) op.value = ops[0];
    row(value).hidden = YES_NO.includes(op.value);
  }

  // Which segment is asked for only where a start wants one.
  const OF = JSON.parse(document.currentScript.dataset.of || '[]');

  function adaptTrigger() {
    const trigger = document.getElementById('id_trigger');
    const of = document.getElementById('id_trigger_of');
    const panel = of && (of.closest('.w-panel') || of.closest('[data-field-wrapper]'));
    if (trigger && panel) panel.hidden = !OF.includes(trigger.value);
  }

  const ONE = JSON.parse(document.currentScript.dataset.one || '{}');

  function countWaits() {
    const blocks = window.wagtailStreamField && window.wagtailStreamField.blocks;
    const block = blocks && blocks.StructBlock && blocks.StructBlock.prototype;
    if (!block || block.countsWaits) return;
    const original = block.getTextLabel;
    block.countsWaits = true;
    block.getTextLabel = function (options) {
      const parts = this.childBlocks || {};
      const words = original.call(this, options);
      if (!parts.amount || !parts.unit || String(parts.amount.getValue()) !== '1') return words;
      const one = ONE[parts.unit.getValue()];
      return one ? '1 ' + one : words;
    };
  }
  countWaits();
  // Before Wagtail draws the steps, which it does on the same event.
  document.addEventListener('readystatechange', countWaits);

  function adaptAll() {
    document.querySelectorAll('select[name$="-fact"]').forEach(adapt);
  }

  document.addEventListener('change', function (event) {
    const name = event.target.name || '';
    if (name === 'trigger') adaptTrigger();
    if (/-(fact|op)$/.test(name)) {
      const fact = document.getElementsByName(name.replace(/-(fact|op)$/, '-fact'))[0];
      if (fact) adapt(fact);
    }
  });
  document.addEventListener('DOMContentLoaded', function () {
    adaptAll();
    adaptTrigger();
    new MutationObserver(adaptAll).observe(document.body, { childList: true, subtree: true });
  });
})();
