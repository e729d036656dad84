// One muscle of the live view: bar, verdict, quality, median frequency, profile, and its waveform on demand.

import { CourseChart, ProfileChart, WaveformChart } from "./charts";
import { make, setAttribute, setText, shown } from "./dom";
import type { Body, Value } from "./feed";
import { type Model, nameOf, number, text } from "./model";

const FULL_PERCENT = 125; // width of the bar, while nothing exceeds it
const HALF_LIFE_MS = 60000; // of the largest amplitude, by which bars are scaled
const RECENT_S = 3; // a contraction's value stands so long
const CALM_MS = 250; // between two changes of a number that people read
const VAGUE = 20; // width of a trend's interval, in percent a minute, beyond which it says nothing

const VERDICTS: { [verdict: string]: { sign: string; word: string } } = {
  fatiguing: { sign: "\u25bc", word: "fatiguing" },
  steady: { sign: "\u25a0", word: "steady" },
  recovering: { sign: "\u25b2", word: "recovering" },
  undetermined: { sign: "?", word: "undetermined" },
};

const FLAGS: { [flag: string]: string } = {
  clipping: "signal clipped: lower the gain?",
  flat: "no signal: cable off?",
  electrode_off: "electrode off?",
  hum: "mains hum: ground electrode, cables?",
  motion: "movement artefact: fix the cable?",
  noisy: "noisy at rest: skin, electrodes?",
  crosstalk: "maybe cross-talk of the neighbour",
  gap: "samples were lost",
  unsettled: "settling",
};

export function flagWords(flags: Value | undefined): string {
  return ((flags as string[] | undefined) ?? []).map((flag) => FLAGS[flag] ?? flag).join(", ");
}

/** The smallest of low, 2 low, 4 low, 10 low ... that is not exceeded. */
function roundScale(low: number, value: number): number {
  let scale = low;
  for (let i = 0; scale < value && scale < 1e9; i++) scale *= [2, 2, 2.5][i % 3]!;
  return scale;
}

/** The full scale of all bars, which compare: by the largest amplitudes lately. */
export class Scale {
  private largest = { uv: 0, percent: 0 };
  private at = performance.now();

  take(uv: number | null, percent: number | null): void {
    const now = performance.now();
    const left = 0.5 ** ((now - this.at) / HALF_LIFE_MS);
    this.at = now;
    this.largest = { uv: Math.max(this.largest.uv * left, uv ?? 0), percent: Math.max(this.largest.percent * left, percent ?? 0) };
  }

  get fullUv(): number {
    return roundScale(50, this.largest.uv);
  }

  get fullPercent(): number {
    return roundScale(FULL_PERCENT, this.largest.percent);
  }
}

export class Card {
  element: HTMLElement;
  private bar = make("div", { class: "bar-fill" });
  private mark = make("div", { class: "bar-mark" });
  private value = make("output", { class: "value" });
  private unit = make("span", { class: "unit" });
  private light = make("span", { class: "light" });
  private quality = make("span", { class: "quality-words" });
  private verdict = make("div", { class: "verdict" });
  private sign = make("span", { class: "sign", "aria-hidden": "true" });
  private verdictWord = make("b");
  private reason = make("span", { class: "reason" });
  private mdf = make("output", { class: "mdf" });
  private shift = make("output", { class: "shift" });
  private slope = make("output");
  private coursePlace = make("div", { class: "plot" });
  private profilePlace = make("div", { class: "plot" });
  private wavePlace = make("div", { class: "plot" });
  private waveBox = make("figure", { class: "wave", hidden: true }, make("figcaption", {}, "Signal, \u00b5V, last 2 s"), this.wavePlace);
  private traceButton: HTMLButtonElement;
  private profileCaption = make("figcaption");
  private course: CourseChart | null = null;
  private profile: ProfileChart | null = null;
  private wave: WaveformChart | null = null;
  private drawn = { activation: -1, fatigue: -1, profile: -1, wave: -1, stages: -1 };
  private saidAt = 0;
  showsWave = false;

  constructor(
    private muscle: string,
    private scale: Scale, // of all muscles
    private wavesChanged: () => void,
  ) {
    this.traceButton = make("button", { class: "trace", type: "button", "aria-pressed": "false", click: () => this.toggleWave() }, "Signal");
    this.verdict.append(this.sign, make("div", {}, this.verdictWord, this.reason));
    this.element = make(
      "article",
      { class: "card", "data-muscle": muscle, "aria-label": muscle.replace(/[._]/g, " ") },
      make(
        "header",
        {},
        make("h3", {}, nameOf(muscle).replace(/_/g, " ")),
        make("span", { class: "quality" }, this.light, this.quality),
        this.traceButton,
      ),
      make("div", { class: "amount" }, make("div", { class: "bar" }, this.bar, this.mark), make("div", { class: "reading" }, this.value, this.unit)),
      make(
        "div",
        { class: "fatigue" },
        this.verdict,
        make("div", { class: "numbers" }, make("span", { class: "label" }, "MDF"), this.mdf, this.shift),
      ),
      make(
        "div",
        { class: "plots" },
        make("figure", {}, make("figcaption", {}, "MDF, Hz; min: ", this.slope), this.coursePlace),
        make("figure", {}, this.profileCaption, this.profilePlace),
        this.waveBox,
      ),
    );
  }

  destroy(): void {
    this.course?.destroy();
    this.profile?.destroy();
    this.wave?.destroy();
  }

  /** Colours have changed: charts are made anew. */
  redraw(): void {
    this.destroy();
    this.course = null;
    this.profile = null;
    this.wave = null;
    this.drawn = { activation: -1, fatigue: -1, profile: -1, wave: -1, stages: -1 };
  }

  draw(model: Model): void {
    const of = (kind: string) => (model.alive ? model.topicVersion(`${kind}.${this.muscle}`) : 0);
    const activation = of("activation");
    const fatigue = of("fatigue");
    const profile = of("profile");
    const stages = model.session?.stages.length ?? 0;
    if (activation !== this.drawn.activation) {
      this.drawBar(model.get(`activation.${this.muscle}`));
      this.drawValue(model);
    }
    if (fatigue !== this.drawn.fatigue || stages !== this.drawn.stages) this.drawFatigue(model);
    if (profile !== this.drawn.profile) this.drawProfile(model);
    if (this.showsWave && of("waveform") !== this.drawn.wave) this.drawWave(model);
    this.drawn = { activation, fatigue, profile, wave: of("waveform"), stages };
  }

  private drawBar(body: Body | null): void {
    const percent = number(body?.percent_reference);
    const uv = number(body?.rms_uv);
    const known = percent ?? uv;
    this.scale.take(uv, percent);
    const full = percent !== null ? this.scale.fullPercent : this.scale.fullUv;
    const share = known === null ? 0 : Math.min(1, known / full);
    this.bar.style.transform = `scaleX(${share.toFixed(4)})`;
    this.mark.style.left = percent !== null ? `${(100 * 100) / full}%` : "100%";
    setAttribute(this.mark, "data-says", percent !== null ? "100 %" : `${full} \u00b5V`);
    setAttribute(this.element, "data-active", String(body?.active === true));
    this.bar.dataset.raw = String(known);
    this.bar.dataset.seq = String(body?.seq ?? "");
    const quality = body ? text(body.quality) : "none";
    setAttribute(this.light, "data-quality", quality);
    setText(this.light, quality === "ok" ? "\u2713" : quality === "none" ? "" : "!");
    setText(this.quality, body ? flagWords(body.flags) || "signal good" : "no data");
  }

  /** The number is that of the last contraction, which can be read, or else of now. */
  private drawValue(model: Model): void {
    const now = model.get(`activation.${this.muscle}`);
    const burst = model.get(`burst.${this.muscle}`);
    const rate = number(model.status?.rate_hz) ?? 0;
    const age = rate > 0 && burst && now ? ((number(now.frame) ?? 0) - (number(burst.offset_frame) ?? 0)) / rate : Infinity;
    const recent = age >= 0 && age < RECENT_S;
    if (!recent && now && performance.now() - this.saidAt < CALM_MS) return;
    this.saidAt = performance.now();
    const body = recent ? burst : now;
    const percent = number(body?.percent_reference);
    const known = percent ?? number(body?.rms_uv);
    setText(this.value, shown(known, known !== null && known < 10 ? 1 : 0));
    const unit = percent !== null ? "% ref." : known !== null ? "\u00b5V RMS" : "no signal";
    setText(this.unit, recent ? `${unit}, last contraction` : unit);
    this.value.dataset.raw = String(known);
    this.value.dataset.seq = String(body?.seq ?? "");
    this.value.dataset.topic = recent ? "burst" : "activation";
  }

  private drawFatigue(model: Model): void {
    const body = model.get(`fatigue.${this.muscle}`);
    const verdict = VERDICTS[text(body?.verdict)] ?? { sign: "", word: "no data" };
    setAttribute(this.verdict, "data-verdict", text(body?.verdict) || "none");
    setText(this.sign, verdict.sign);
    setText(this.verdictWord, verdict.word);
    setText(this.reason, text(body?.reason));
    const mdf = number(body?.mdf_hz);
    setText(this.mdf, `${shown(mdf, 1)} \u00b1 ${shown(number(body?.mdf_se_hz), 1)} Hz`);
    this.mdf.dataset.raw = String(mdf);
    this.mdf.dataset.seq = String(body?.seq ?? "");
    setText(this.shift, `${shown(number(body?.shift_percent), 1, true)} % vs baseline`);
    const [low, high] = (body?.slope_ci95_percent_per_min as [number, number] | null | undefined) ?? [null, null];
    const clear = low !== null && high !== null && high - low <= VAGUE;
    setText(
      this.slope,
      clear ? `${shown(number(body?.slope_percent_per_min), 1, true)} %/min (95 %: ${shown(low, 1, true)} to ${shown(high, 1, true)})` : "no clear trend yet",
    );
    this.course ??= new CourseChart(this.coursePlace);
    const course = model.courses.get(this.muscle);
    const stages = (model.session?.stages ?? []).map((stage) => number(stage.t) ?? 0);
    if (course) this.course.set(course, stages, clear ? body : null);
  }

  private drawProfile(model: Model): void {
    const topic = `profile.${this.muscle}`;
    const body = model.get(topic);
    this.profile ??= new ProfileChart(this.profilePlace);
    this.profile.set(model.array(topic), (body?.sd_array as number[] | undefined) ?? null);
    const unit = body?.unit === "percent_reference" ? "% ref." : "\u00b5V";
    setText(this.profileCaption, body ? `Gait cycle, ${unit}, ${number(body.strides) ?? 0} strides` : "Gait cycle: no strides yet");
  }

  private drawWave(model: Model): void {
    const topic = `waveform.${this.muscle}`;
    const body = model.get(topic);
    const chunk = model.array(topic);
    const rate = number(model.status?.rate_hz);
    this.wave ??= new WaveformChart(this.wavePlace);
    if (body && chunk && rate) this.wave.add(chunk, body, rate);
  }

  private toggleWave(): void {
    this.showsWave = !this.showsWave;
    this.waveBox.hidden = !this.showsWave;
    setAttribute(this.traceButton, "aria-pressed", String(this.showsWave));
    this.wave?.destroy();
    this.wave = null;
    this.wavesChanged();
  }
}
