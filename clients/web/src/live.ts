// The live view: cards of the left leg on the left, of the right leg on the right, and what compares them.

import { Card, Scale } from "./card";
import { make, setText, shown } from "./dom";
import { type Model, nameOf, number, sideOf } from "./model";

const SIDES = ["left", "right"];
const CADENCE_LIFE_S = 5; // since the last gait cycle

class Leg {
  element: HTMLElement;
  private share = make("output", { class: "big" });
  private cadence = make("output", { class: "big" });
  private note = make("span", { class: "note" });

  constructor(private side: string) {
    this.element = make(
      "div",
      { class: "leg", "data-side": side },
      make("h2", {}, `${side} leg`),
      make("div", { class: "fact" }, make("span", { class: "label" }, "Soleus share"), this.share, this.note),
      make("div", { class: "fact" }, make("span", { class: "label" }, "Cadence"), this.cadence),
    );
  }

  draw(model: Model): void {
    const leg = model.get(`leg.${this.side}`);
    const stride = model.get(`stride.${this.side}`);
    const share = number(leg?.soleus_share_percent);
    setText(this.share, share === null ? "--" : `${shown(share, 0)} %`);
    this.share.dataset.raw = String(share);
    setText(this.note, share === null ? "no reference yet" : "");
    const ended = number(stride?.end_frame);
    const recent = ended !== null && model.secondsSince(ended) < CADENCE_LIFE_S;
    const cadence = recent ? number(stride?.cadence_steps_per_min) : null;
    setText(this.cadence, cadence === null ? "--" : `${shown(cadence, 0)} /min`);
    this.cadence.dataset.raw = String(cadence);
  }
}

/** Left against right of one muscle, as a needle between them. */
class Symmetry {
  element: HTMLElement;
  private needle = make("div", { class: "needle" });
  private value = make("output", { class: "big" });

  constructor(private name: string) {
    this.element = make(
      "div",
      { class: "symmetry", "data-muscle": name },
      make("span", { class: "label" }, name.replace(/_/g, " ")),
      make("div", { class: "scale", "aria-hidden": "true" }, this.needle),
      this.value,
    );
  }

  draw(model: Model): void {
    const body = model.get(`symmetry.${this.name}`);
    const index = number(body?.index_percent);
    const left = number(body?.activation_left) ?? 0;
    const right = number(body?.activation_right) ?? 0;
    const share = left + right > 0 ? (right - left) / (right + left) : 0;
    this.needle.style.left = `${50 + 50 * share}%`;
    this.needle.hidden = index === null;
    const more = Math.abs(index ?? 0) < 0.5 ? "" : left > right ? " more left" : " more right";
    setText(this.value, index === null ? "--" : `${shown(Math.abs(index), 0)} %${more}`);
    this.value.dataset.raw = String(index);
  }
}

export class LiveView {
  element = make("main", { class: "live", id: "live" });
  private cards = new Map<string, Card>();
  private parts: { draw(model: Model): void }[] = [];
  private built = "";

  constructor(private want: (topics: string[]) => void) {}

  draw(model: Model): void {
    const muscles = model.muscles;
    if (muscles.join() !== this.built) this.build(muscles);
    for (const part of this.parts) part.draw(model);
    for (const card of this.cards.values()) card.draw(model);
  }

  redraw(): void {
    for (const card of this.cards.values()) card.redraw();
  }

  private build(muscles: string[]): void {
    for (const card of this.cards.values()) card.destroy();
    this.cards.clear();
    this.parts = [];
    this.built = muscles.join();
    const scale = new Scale();
    const wavesChanged = () =>
      this.want([...this.cards].filter(([, card]) => card.showsWave).map(([muscle]) => `waveform.${muscle}`));
    const columns = SIDES.filter((side) => muscles.some((m) => sideOf(m) === side)).map((side) => {
      const leg = new Leg(side);
      this.parts.push(leg);
      const cards = muscles.filter((m) => sideOf(m) === side).map((m) => {
        const card = new Card(m, scale, wavesChanged);
        this.cards.set(m, card);
        return card.element;
      });
      return make("section", { class: "side", "data-side": side }, leg.element, ...cards);
    });
    const pairs = muscles.filter((m) => sideOf(m) === "left" && muscles.includes(`right.${nameOf(m)}`)).map(nameOf);
    const symmetries = pairs.map((name) => new Symmetry(name));
    this.parts.push(...symmetries);
    this.element.replaceChildren(
      muscles.length === 0
        ? make("p", { class: "empty" }, "Waiting for emgd: nothing has come yet.")
        : make("div", { class: "sides", "data-compact": String(muscles.length > 4) }, ...columns),
      make("div", { class: "pairs" }, ...symmetries.map((s) => s.element)),
    );
  }
}

