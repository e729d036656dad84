// Puts the views together and draws, once an animation frame, what has changed.

import "uplot/dist/uPlot.min.css";
import "./app.css";
import { make, setAttribute } from "./dom";
import { Feed } from "./feed";
import { Head } from "./head";
import { LiveView } from "./live";
import { Model } from "./model";
import { ProtocolView } from "./protocol";
import { ReportView } from "./report";

type View = "live" | "protocol" | "report";
const VIEWS: [View, string][] = [
  ["live", "Live"],
  ["protocol", "Protocol"],
  ["report", "Report"],
];

const model = new Model();
const feed = new Feed(model);
const live = new LiveView((topics) => feed.want(topics));
const report = new ReportView();
const protocol = new ProtocolView(feed, (name) => {
  if (name === null) show("report");
  else window.open(ReportView.address(name), "_blank", "noopener");
});
const places = { live: live.element, protocol: protocol.element, report: report.element };
let view: View = "live";

const tabs = VIEWS.map(([id, title]) => make("a", { href: `#${id}`, "data-view": id }, title));
const theme = make("button", { class: "theme", type: "button", "aria-label": "Light or dark", click: () => toggleTheme() }, "\u25d0");
const head = new Head(...tabs, theme);

function show(wanted: View): void {
  view = wanted;
  for (const [id] of VIEWS) places[id].hidden = id !== view;
  for (const tab of tabs)
    if (tab.dataset.view === view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  if (location.hash !== `#${view}`) history.replaceState(null, "", `#${view}`);
  if (view === "report") void report.show();
}

function fromAddress(): View {
  const hash = location.hash.slice(1);
  return VIEWS.find(([id]) => id === hash)?.[0] ?? "live";
}

const DARK = matchMedia("(prefers-color-scheme: dark)");

function applyTheme(): void {
  const chosen = localStorage.getItem("emgweb.theme") ?? (DARK.matches ? "dark" : "light");
  setAttribute(document.documentElement, "data-theme", chosen);
  live.redraw();
}

function toggleTheme(): void {
  localStorage.setItem("emgweb.theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  applyTheme();
}

/** Frames drawn in the last second, for those who want to know whether this computer keeps up. */
let frames = 0;
setInterval(() => {
  setAttribute(document.documentElement, "data-frames-per-second", String(frames));
  frames = 0;
}, 1000);

function draw(): void {
  frames++;
  head.draw(model);
  if (view === "live") live.draw(model);
  if (view === "protocol") protocol.draw(model);
  requestAnimationFrame(draw);
}

document.body.append(head.element, ...Object.values(places));
addEventListener("hashchange", () => show(fromAddress()));
addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  const index = ["1", "2", "3"].indexOf(event.key);
  if (!typing && !event.ctrlKey && !event.altKey && !event.metaKey && index >= 0) show(VIEWS[index]![0]);
});
DARK.addEventListener("change", applyTheme);
applyTheme();
show(fromAddress());
requestAnimationFrame(draw);
