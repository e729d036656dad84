// What a test has established of each muscle, as rows.

import { make, setAttribute, setText } from "./dom";
import type { Body } from "./feed";
import { type Model, type Result, text, words } from "./model";

export type Measured = "rest" | "reference" | "baseline";

/** A list of muscles with what has been established of each. */
export class Results {
  element = make("ul", { class: "results" });
  private rows = new Map<string, { sign: HTMLElement; words: HTMLElement; row: HTMLElement }>();

  constructor(private button: ((muscle: string) => HTMLElement) | null = null) {}

  update(muscles: string[], of: (muscle: string) => { state: string; words: string }): void {
    if ([...this.rows.keys()].join() !== muscles.join()) this.build(muscles);
    for (const [muscle, row] of this.rows) {
      const { state, words: said } = of(muscle);
      setAttribute(row.row, "data-state", state);
      setText(row.sign, state === "good" ? "\u2713" : state === "bad" ? "\u2717" : state === "busy" ? "\u2026" : "");
      setText(row.words, said);
    }
  }

  private build(muscles: string[]): void {
    this.rows.clear();
    this.element.replaceChildren(
      ...muscles.map((muscle) => {
        const sign = make("span", { class: "sign" });
        const said = make("span", { class: "said" });
        const row = make("li", { "data-muscle": muscle }, sign, make("b", {}, words(muscle)), said);
        if (this.button) row.append(this.button(muscle));
        this.rows.set(muscle, { sign, words: said, row });
        return row;
      }),
    );
  }
}

/** What a muscle's row says of a kind of measurement. */
export function outcome(model: Model, kind: Measured, say: (body: Body) => string) {
  return (muscle: string): { state: string; words: string } => {
    const measuring = model.status?.measuring as { kind: string; muscles: string[]; seconds_left: number } | null | undefined;
    if (measuring?.kind === kind && measuring.muscles.includes(muscle))
      return { state: "busy", words: `measuring: ${Math.ceil(measuring.seconds_left)} s` };
    const result: Result | undefined = model.session?.[kind].get(muscle);
    if (!result) return { state: "open", words: "" };
    const later = text(result.body.later_refusal);
    if (result.accepted) return { state: "good", words: say(result.body) + (later ? `; a later try was refused: ${later}` : "") };
    return { state: "bad", words: `refused: ${text(result.body.reason)}` };
  };
}
