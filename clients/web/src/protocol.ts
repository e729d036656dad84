// The guided test: one clear next step at a time. What has been done is read off emgd's own events, so that a reload loses nothing.

import { flagWords } from "./card";
import { make, setAttribute, setText, shown } from "./dom";
import type { Body, Feed, Reply } from "./feed";
import { type Model, nameOf, number, type Session, text } from "./model";
import { type Measured, outcome, Results } from "./results";

interface Step {
  id: string;
  title: string;
  element: HTMLElement;
  /** Whether nothing more is to be done here. */
  done(model: Model): boolean;
  update(model: Model): void;
}

const CODE = "(?=.*[0-9])[A-Za-z0-9_\\-]{1,16}";
const SEEN = "electrodes-seen"; // kept with what was passed over: a step that was done once stays so
const METHODS: [string, string][] = [
  ["mvc", "MVC: as hard as you can"],
  ["submaximal", "submaximal: a contraction held"],
  ["dynamic_peak", "while running: mean of the peaks"],
  ["dynamic_mean", "while running: mean over the task"],
];

export class ProtocolView {
  element = make("main", { class: "protocol", id: "protocol" });
  private list = make("ol", { class: "steps" });
  private place = make("section", { class: "step", "aria-live": "polite" });
  private problem = make("p", { class: "problem", role: "alert" });
  private steps: Step[];
  private chosen: string | null = null; // by the user, until a step gets done
  private shownStep: Step | null = null;
  private doneBefore = -1;
  private model: Model | null = null;

  constructor(
    private feed: Feed,
    private openReport: (name: string | null) => void,
  ) {
    this.steps = [
      this.beginStep(),
      this.electrodeStep(),
      this.restStep(),
      this.referenceStep(),
      this.stageStep(),
      this.baselineStep(),
      this.runStep(),
      this.endStep(),
    ];
    this.list.append(
      ...this.steps.map((step) =>
        make("li", { "data-step": step.id }, make("button", { type: "button", click: () => this.choose(step.id) }, step.title)),
      ),
    );
    this.element.append(this.list, make("div", {}, this.problem, this.place));
  }

  draw(model: Model): void {
    this.model = model;
    const done = this.steps.map((step) => step.done(model));
    const count = done.filter(Boolean).length;
    if (count !== this.doneBefore) this.chosen = null;
    this.doneBefore = count;
    const next = this.steps.find((_, i) => !done[i]) ?? this.steps[this.steps.length - 1]!;
    const current = this.steps.find((step) => step.id === this.chosen) ?? next;
    [...this.list.children].forEach((item, i) => {
      const step = this.steps[i]!;
      const state = step === current ? "current" : !done[i] ? "open" : ProtocolView.isComplete(model, step.id) ? "done" : "skipped";
      setAttribute(item, "data-state", state);
      if (step === current) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
    if (current !== this.shownStep) {
      this.shownStep = current;
      this.place.replaceChildren(make("h2", {}, current.title), current.element);
      this.place.dataset.step = current.id;
      setText(this.problem, "");
    }
    current.update(model);
    const busy = model.status?.measuring != null || !model.alive;
    for (const button of this.place.querySelectorAll<HTMLButtonElement>("button.act")) button.disabled = busy;
  }

  private choose(id: string): void {
    this.chosen = id;
    if (this.model) this.draw(this.model);
  }

  private async run(command: string, args: Body = {}): Promise<Reply> {
    setText(this.problem, "");
    const reply = await this.feed.command(command, args);
    if (!reply.ok) setText(this.problem, reply.error?.message ?? "refused without a reason");
    return reply;
  }

  /** Steps that the user passed over, for this session, here. */
  private skipKey(): string {
    return `emgweb.skipped.${this.model?.session?.id ?? ""}`;
  }
  private skipped(id: string): boolean {
    return (localStorage.getItem(this.skipKey()) ?? "").split(",").includes(id);
  }
  private skip(id: string): void {
    localStorage.setItem(this.skipKey(), `${localStorage.getItem(this.skipKey()) ?? ""},${id}`);
  }
  private skipButton(id: string, label: string): HTMLElement {
    const skip = () => {
      this.skip(id);
      this.chosen = null;
    };
    return make("button", { class: "skip", type: "button", click: skip }, label);
  }
  private measureButton(label: string, command: string, args: () => Body): HTMLElement {
    return make("button", { class: "act", type: "button", click: () => void this.run(command, args()) }, label);
  }

  private static inSession(model: Model): boolean {
    return model.session !== null && !model.session.ended;
  }

  private beginStep(): Step {
    const code = make("input", { id: "participant", name: "participant", required: true, pattern: CODE, maxlength: 16, autocomplete: "off" });
    const notes = make("input", { id: "notes", name: "notes", maxlength: 120, autocomplete: "off" });
    const begin = async (event: Event) => {
      event.preventDefault();
      const wasRecording = this.model?.status?.recording != null;
      if (!wasRecording && !(await this.run("record.start")).ok) return;
      const reply = await this.run("session.start", { participant: code.value.trim(), ...(notes.value ? { notes: notes.value } : {}) });
      const problem = this.problem.textContent ?? "";
      if (!reply.ok && !wasRecording) await this.run("record.stop");
      if (!reply.ok) setText(this.problem, problem);
    };
    const form = make(
      "form",
      { submit: (event) => void begin(event) },
      make("label", { for: "participant" }, "Participant\u2019s code, never a name (such as P07)"),
      code,
      make("label", { for: "notes" }, "Notes (optional, no names)"),
      notes,
      make("button", { class: "act", type: "submit" }, "Begin the test"),
    );
    return {
      id: "begin",
      title: "Begin",
      element: make("div", {}, make("p", {}, "A recording begins, then the test. Everything is kept on disk from here on."), form),
      done: (model) => model.session !== null && (ProtocolView.inSession(model) || model.session.ended),
      update: (model) => {
        form.hidden = ProtocolView.inSession(model);
      },
    };
  }

  private electrodeStep(): Step {
    const results = new Results();
    const of = (model: Model) => (muscle: string) => {
      const body = model.get(`activation.${muscle}`);
      const seen = model.session?.seen.has(muscle) ?? false;
      if (!body) return { state: "open", words: "no data" };
      if (body.quality === "bad") return { state: "bad", words: flagWords(body.flags) };
      const said = flagWords(body.flags);
      return seen ? { state: "good", words: said || "seen, signal good" } : { state: "open", words: said || "not seen yet" };
    };
    return {
      id: "electrodes",
      title: "Electrode check",
      element: make(
        "div",
        {},
        make("p", {}, "Ten heel raises on both legs. Each muscle has to be seen, without a fault."),
        results.element,
        this.skipButton("electrodes", "Go on with what there is"),
      ),
      done: (model) => {
        const session = model.session;
        if (!session) return false;
        const checked = model.muscles.every((m) => session.seen.has(m) && model.get(`activation.${m}`)?.quality !== "bad");
        if (checked && model.muscles.length > 0 && !this.skipped(SEEN)) this.skip(SEEN);
        return session.ended || this.skipped(SEEN) || this.skipped("electrodes") || session.rest.size > 0 || ProtocolView.isBehind(session, "rest");
      },
      update: (model) => results.update(model.muscles, of(model)),
    };
  }

  private restStep(): Step {
    const results = new Results();
    return {
      id: "rest",
      title: "Rest",
      element: make(
        "div",
        {},
        make("p", {}, "Lie or sit still, calves relaxed, for 10 seconds. This is the noise that is taken off everything else."),
        this.measureButton("Measure rest", "rest.start", () => ({ seconds: 10 })),
        this.skipButton("rest", "Go on without"),
        results.element,
      ),
      done: (model) => this.isOver(model, "rest"),
      update: (model) =>
        results.update(model.muscles, outcome(model, "rest", (body) => `noise ${shown(number(body.uv), 2)} \u00b5V RMS`)),
    };
  }

  /** Whether every muscle has what the step is for. */
  private static isComplete(model: Model, step: string): boolean {
    const session = model.session;
    if (step !== "rest" && step !== "reference" && step !== "baseline") return true;
    return session !== null && model.muscles.length > 0 && model.muscles.every((muscle) => session[step].get(muscle)?.accepted);
  }

  /** Whether a later step has been begun, here or elsewhere. */
  private static isBehind(session: Session, step: Measured): boolean {
    if (step === "rest") return session.reference.size > 0 || session.stages.length > 0;
    return session.stages.length > (step === "reference" ? 0 : 1);
  }

  private isOver(model: Model, step: Measured): boolean {
    const session = model.session;
    if (!session) return false;
    return session.ended || ProtocolView.isComplete(model, step) || this.skipped(step) || ProtocolView.isBehind(session, step);
  }

  private referenceStep(): Step {
    const method = make("select", { id: "method" }, ...METHODS.map(([value, label]) => make("option", { value }, label)));
    const seconds = make("input", { id: "reference-seconds", type: "number", min: 2, max: 60, value: 8 });
    const args = (muscles: string[] | "all"): Body => ({ muscles, seconds: Number(seconds.value) || 8, method: method.value });
    const results = new Results((muscle) => this.measureButton("Measure", "reference.start", () => args([muscle])));
    const all = this.measureButton("Measure all at once", "reference.start", () => args("all"));
    const how = make("p", {});
    return {
      id: "reference",
      title: "Reference",
      element: make(
        "div",
        {},
        how,
        make("div", { class: "row" }, make("label", { for: "method" }, "Method"), method, make("label", { for: "reference-seconds" }, "Seconds"), seconds),
        results.element,
        all,
        this.skipButton("reference", "Go on without: microvolts instead of percent"),
      ),
      done: (model) => this.isOver(model, "reference"),
      update: (model) => {
        const dynamic = method.value.startsWith("dynamic");
        const hard = method.value === "mvc" ? "as hard as you can, and hold" : "with the force agreed on, and hold";
        setText(
          how,
          dynamic
            ? "Go on walking or running while it is measured."
            : `Soleus: knee bent to about 90\u00b0. Gastrocnemius: knee straight. Push the forefoot down against resistance, ${hard}.`,
        );
        all.hidden = !dynamic && !ProtocolView.isUniform(model.muscles);
        results.update(
          model.muscles,
          outcome(model, "reference", (body) => `100 % is ${shown(number((body.reference as Body | null)?.uv), 0)} \u00b5V RMS`),
        );
      },
    };
  }

  /** Whether all want the same posture. */
  private static isUniform(muscles: string[]): boolean {
    return new Set(muscles.map((muscle) => nameOf(muscle).startsWith("soleus"))).size <= 1;
  }

  private stageForm(id: string, button: string): HTMLFormElement {
    const label = make("input", { id: `${id}-label`, maxlength: 64, required: true, placeholder: "10 km/h", autocomplete: "off" });
    const speed = make("input", { id: `${id}-speed`, type: "number", min: 0, max: 72, step: "any", placeholder: "km/h" });
    const incline = make("input", { id: `${id}-incline`, type: "number", min: -50, max: 50, step: "any", placeholder: "%" });
    const begin = async (event: Event) => {
      event.preventDefault();
      const args: Body = { label: label.value };
      if (speed.value) args.speed_m_s = Number(speed.value) / 3.6;
      if (incline.value) args.incline_percent = Number(incline.value);
      if ((await this.run("stage", args)).ok) label.value = speed.value = "";
    };
    return make(
      "form",
      { class: "row", submit: (event) => void begin(event) },
      make("label", { for: `${id}-label` }, "Stage"),
      label,
      make("label", { for: `${id}-speed` }, "Speed, km/h"),
      speed,
      make("label", { for: `${id}-incline` }, "Incline, %"),
      incline,
      make("button", { class: "act", type: "submit" }, button),
    );
  }

  private stageStep(): Step {
    return {
      id: "stage",
      title: "First stage",
      element: make("div", {}, make("p", {}, "The run begins. Name the stage when the treadmill has reached its speed."), this.stageForm("first", "Begin the stage")),
      done: (model) => model.session !== null && (model.session.ended || model.session.stages.length > 0),
      update: () => undefined,
    };
  }

  private baselineStep(): Step {
    const results = new Results();
    return {
      id: "baseline",
      title: "Baseline",
      element: make(
        "div",
        {},
        make("p", {}, "Go on running for a minute: the median frequency of the fresh muscles, from which shifts are told."),
        this.measureButton("Measure the baseline (60 s)", "baseline.start", () => ({ seconds: 60 })),
        this.skipButton("baseline", "Go on without: the first minute counts"),
        results.element,
      ),
      done: (model) => this.isOver(model, "baseline"),
      update: (model) =>
        results.update(
          model.muscles,
          outcome(model, "baseline", (body) => `MDF ${shown(number(body.mdf_hz), 1)} \u00b1 ${shown(number(body.mdf_se_hz), 1)} Hz`),
        ),
    };
  }

  private runStep(): Step {
    const stages = make("ol", { class: "stages" });
    const label = make("input", { id: "marker-label", maxlength: 64, required: true, placeholder: "stumbled", autocomplete: "off" });
    const mark = async (event: Event) => {
      event.preventDefault();
      if ((await this.run("marker", { label: label.value })).ok) label.value = "";
    };
    return {
      id: "run",
      title: "Run",
      element: make(
        "div",
        {},
        make("p", {}, "Each speed is a stage of its own: trends and verdicts begin anew with it."),
        stages,
        this.stageForm("next", "Begin the next stage"),
        make(
          "form",
          { class: "row", submit: (event) => void mark(event) },
          make("label", { for: "marker-label" }, "Marker"),
          label,
          make("button", { class: "act", type: "submit" }, "Mark this moment"),
        ),
        this.skipButton("run", "The run is over"),
      ),
      done: (model) => model.session !== null && (model.session.ended || this.skipped("run")),
      update: (model) => {
        const said = (model.session?.stages ?? []).map((stage) => text(stage.label));
        if (stages.childElementCount !== said.length) stages.replaceChildren(...said.map((name) => make("li", {}, name)));
      },
    };
  }

  private endStep(): Step {
    const end = async () => {
      if (!(await this.run("session.stop")).ok) return;
      if (this.model?.status?.recording != null) await this.run("record.stop");
    };
    const stop = make("button", { class: "act", type: "button", click: () => void end() }, "End the test");
    const open = make("button", { class: "open", type: "button", click: () => this.openReport(this.recordingName()) }, "Open the report");
    const another = make("button", { class: "skip", type: "button", click: () => this.choose("begin") }, "Next participant");
    const words = make("p", {});
    return {
      id: "end",
      title: "End and report",
      element: make("div", {}, words, stop, open, another),
      done: () => false,
      update: (model) => {
        const ended = model.session?.ended ?? false;
        const closed = model.status?.recording == null;
        stop.hidden = ended;
        open.hidden = !ended || !closed || this.recordingName() === null;
        another.hidden = !ended;
        setText(words, !ended ? "The session ends and the recording is closed." : closed ? "The test has ended; its recording is complete." : "The recording is still open.");
      },
    };
  }

  private recordingName(): string | null {
    const path = this.model?.session?.recording ?? null;
    return path === null ? null : path.slice(path.lastIndexOf("/") + 1);
  }
}
