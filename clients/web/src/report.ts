// The finished recordings, each with its report.

import { make, setText } from "./dom";

interface Recording {
  name: string;
  bytes: number;
  t: number;
}

export class ReportView {
  element = make("main", { class: "report", id: "report" });
  private words = make("p", { role: "status" });
  private list = make("ul", { class: "recordings" });

  constructor() {
    this.element.append(make("h2", {}, "Reports"), this.words, this.list);
  }

  /** Where a recording's report is. */
  static address(name: string): string {
    return `/report/${encodeURIComponent(name)}`;
  }

  async show(): Promise<void> {
    setText(this.words, "");
    try {
      const reply = await fetch("/recordings.json");
      if (!reply.ok) throw new Error(await reply.text());
      const recordings = (await reply.json()) as Recording[];
      setText(this.words, recordings.length === 0 ? "No recordings yet." : "A report opens in a tab of its own; one on an hour\u2019s run takes some seconds.");
      this.list.replaceChildren(...recordings.map((recording) => ReportView.row(recording)));
    } catch (error) {
      setText(this.words, `The recordings cannot be listed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private static row(recording: Recording): HTMLElement {
    const link = make("a", { href: ReportView.address(recording.name), target: "_blank", rel: "noopener" }, recording.name);
    const when = new Date(recording.t * 1000).toLocaleString();
    return make("li", {}, link, make("span", { class: "note" }, `${when}, ${(recording.bytes / 1e6).toFixed(1)} MB`));
  }
}
