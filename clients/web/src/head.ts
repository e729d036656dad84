// The line on top: connection, source, session, recording, losses; loud where something is wrong.

import { clock, make, setAttribute, setText } from "./dom";
import { type Model, number, text } from "./model";

type State = "good" | "busy" | "bad" | "none";

export class Head {
  element: HTMLElement;
  private connection = make("span", { class: "chip", role: "status", id: "connection" });
  private origin = make("span", { class: "chip origin", id: "origin" });
  private session = make("span", { class: "chip", id: "session" });
  private recording = make("span", { class: "chip", id: "recording" });
  private losses = make("span", { class: "chip", id: "losses" });
  private measuring = make("span", { class: "chip", id: "measuring" });

  constructor(...controls: HTMLElement[]) {
    this.element = make(
      "header",
      { class: "head" },
      make("strong", { class: "brand" }, "emgd"),
      make("nav", { "aria-label": "Views" }, ...controls),
      make("div", { class: "chips" }, this.connection, this.origin, this.measuring, this.session, this.recording, this.losses),
    );
  }

  draw(model: Model): void {
    const status = model.status;
    this.drawConnection(model);
    const source = text(status?.source);
    this.set(this.origin, source.startsWith("synth:") ? "SIMULATED" : source.startsWith("file:") ? "REPLAY" : "", "busy");
    const session = model.session && !model.session.ended ? model.session : null;
    const stage = session?.stages[session.stages.length - 1];
    this.set(this.session, session ? `${session.participant}${stage ? `, ${text(stage.label)}` : ""}` : "no session", session ? "good" : "none");
    this.drawRecording(model);
    const gaps = number(status?.gaps) ?? 0;
    const lost = number(status?.frames_lost) ?? 0;
    const rate = number(status?.rate_hz) ?? 1;
    this.set(this.losses, gaps > 0 ? `${gaps} gap${gaps > 1 ? "s" : ""}, ${(lost / rate).toFixed(2)} s lost` : "", "bad");
    const measuring = status?.measuring as { kind: string; seconds_left: number } | null | undefined;
    this.set(this.measuring, measuring ? `measuring ${measuring.kind}: ${Math.ceil(measuring.seconds_left)} s` : "", "busy");
  }

  private drawConnection(model: Model): void {
    const state = text(model.status?.state);
    if (!model.webConnected) this.set(this.connection, "NO CONNECTION to emgweb", "bad");
    else if (!model.alive) this.set(this.connection, "NO DATA: emgd is not there", "bad");
    else if (state === "running") this.set(this.connection, "live", "good");
    else if (state === "lost") this.set(this.connection, "SIGNAL LOST: check the front end", "bad");
    else if (state === "ended") this.set(this.connection, "the stream has ended", "bad");
    else this.set(this.connection, "waiting for the signal", "busy");
  }

  private drawRecording(model: Model): void {
    const recording = model.status?.recording as { path: string; seconds: number } | null | undefined;
    const failure = text(model.status?.recording_failure);
    if (failure) this.set(this.recording, `RECORDING FAILED: ${failure}`, "bad");
    else if (recording) this.set(this.recording, `\u25cf recording ${clock(recording.seconds)}`, "good");
    else this.set(this.recording, model.alive ? "not recording" : "", model.session && !model.session.ended ? "bad" : "none");
  }

  private set(chip: HTMLElement, words: string, state: State): void {
    setText(chip, words);
    setAttribute(chip, "data-state", state);
    chip.hidden = words === "";
  }
}
