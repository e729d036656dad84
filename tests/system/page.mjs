// Drives the page of emgweb in a real browser: page.mjs NODE_MODULES ADDRESS SCENARIO. A scenario says what it has seen
// as JSON lines, and at "?" waits for a line on standard input, for what only the caller can do.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [modules, address, scenario, directory] = process.argv.slice(2);
const { chromium } = createRequire(modules + "/")("playwright-core");
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const PATIENCE_MS = 150000;

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const ask = async (what) => {
  say({ ask: what });
  await answers.next();
};

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

async function open(view, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => say({ error: error.message }));
  page.on("console", (message) => message.type() === "error" && say({ error: message.text() }));
  page.on("request", (request) => new URL(request.url()).host !== new URL(address).host && say({ error: `loads ${request.url()}` }));
  await page.goto(`${address}#${view}`);
  return page;
}

const step = (page, id) => page.waitForSelector(`section.step[data-step="${id}"]`);

/** What the page shows of each muscle, with the messages that it came with. */
const shown = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll(".card")].flatMap((card) => {
      const of = (selector, topic, field) => {
        const element = card.querySelector(selector);
        return { topic: `${topic}.${card.dataset.muscle}`, field, seq: Number(element.dataset.seq), raw: element.dataset.raw, text: element.textContent };
      };
      const value = card.querySelector(".value");
      return [
        of(".bar-fill", "activation", "rms_uv"),
        of(".value", value.dataset.topic, "rms_uv"),
        of(".mdf", "fatigue", "mdf_hz"),
      ];
    }),
  );

const scenarios = {
  async values() {
    const page = await open("live");
    await page.waitForFunction(() => [...document.querySelectorAll(".mdf")].filter((m) => Number(m.dataset.raw) > 0).length === 4);
    for (let i = 0; i < 20; i++) {
      say({ shown: await shown(page) });
      await page.waitForTimeout(150);
    }
    await page.waitForSelector('.verdict[data-verdict="undetermined"], .verdict[data-verdict="steady"]');
    await page.click('.card[data-muscle="left.soleus"] .trace');
    await page.waitForSelector(".wave:not([hidden]) canvas");
    say({ framesPerSecond: await page.evaluate(() => document.documentElement.dataset.framesPerSecond) });
    say({ overflow: await page.evaluate(() => document.documentElement.scrollWidth - innerWidth) });
  },

  async protocol() {
    const page = await open("protocol");
    await step(page, "begin");
    await page.fill("#participant", "Jane");
    await page.click("text=Begin the test"); // the browser itself refuses it
    await page.fill("#participant", "P07");
    await page.click("text=Begin the test");
    await step(page, "rest");
    await page.click("text=Measure rest");
    await page.waitForSelector('.results li[data-state="busy"]');
    await page.waitForFunction(() => document.querySelectorAll('.results li[data-state="bad"]').length === 4);
    say({ refused: await page.textContent(".results li .said") });
    await page.click("text=Go on without");
    await step(page, "reference");
    await page.selectOption("#method", "dynamic_peak");
    await page.fill("#reference-seconds", "15");
    await page.click("text=Measure all at once");
    await page.waitForSelector('.results li[data-state="busy"]');
    await page.reload(); // in the middle of it
    await step(page, "stage");
    const other = await open("protocol"); // a second browser sees the same
    await step(other, "stage"); // what was passed over in the first is not its business
    await page.fill("#first-label", "10 km/h");
    await page.fill("#first-speed", "10");
    await page.click("text=Begin the stage");
    await step(page, "baseline");
    await page.click("text=Measure the baseline");
    await page.waitForSelector('.results li[data-state="busy"]');
    await step(page, "run");
    await page.reload();
    await step(page, "run");
    say({ stages: await page.$$eval(".stages li", (items) => items.map((item) => item.textContent)) });
    await page.fill("#next-label", "12 km/h");
    await page.fill("#next-speed", "12");
    await page.click("text=Begin the next stage");
    await page.waitForFunction(() => document.querySelectorAll(".stages li").length === 2);
    await page.fill("#marker-label", "stumbled");
    await page.click("text=Mark this moment");
    await page.click("text=The run is over");
    await step(page, "end");
    await page.click("text=End the test");
    await page.waitForSelector("button.open:not([hidden])");
    const [report] = await Promise.all([page.context().waitForEvent("page"), page.click("text=Open the report")]);
    await report.waitForLoadState("load", { timeout: PATIENCE_MS });
    say({ report: await report.textContent("body") });
    await page.keyboard.press("3");
    await page.waitForSelector(".recordings a");
    say({ recordings: await page.$$eval(".recordings a", (links) => links.map((link) => link.textContent)) });
    await other.waitForFunction(() => document.getElementById("session").textContent === "no session");
  },

  async restart() {
    const page = await open("live");
    await page.waitForFunction(() => document.querySelectorAll(".card").length === 4);
    await page.waitForFunction(() => Number(document.querySelector(".value").dataset.raw) > 0);
    await ask("kill");
    await page.waitForFunction(() => document.getElementById("connection").textContent.includes("NO DATA"));
    await page.waitForFunction(() => [...document.querySelectorAll(".value")].every((value) => value.textContent === "--"));
    say({ verdicts: await page.$$eval(".verdict b", (words) => words.map((word) => word.textContent)) });
    await ask("start");
    await page.waitForFunction(() => document.getElementById("connection").textContent === "live");
    await page.waitForFunction(() => Number(document.querySelector(".value").dataset.raw) > 0);
    await ask("end emgweb");
    await page.waitForFunction(() => document.getElementById("connection").textContent.includes("NO CONNECTION"));
  },

  async keyboard() {
    const page = await open("live");
    await page.waitForFunction(() => document.querySelectorAll(".card").length === 4);
    for (const [key, view] of [["2", "protocol"], ["3", "report"], ["1", "live"]]) {
      await page.keyboard.press(key);
      await page.waitForSelector(`main#${view}:not([hidden])`);
    }
    const reached = new Set();
    for (let i = 0; i < 20; i++) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement.className || document.activeElement.tagName));
    }
    say({ reached: [...reached] });
    for (const [width, height] of [[1024, 768], [1280, 800], [1920, 1080], [3840, 2160]])
      for (const theme of ["light", "dark"]) {
        const other = await open("live", { viewport: { width, height }, colorScheme: theme });
        await other.waitForFunction(() => document.querySelectorAll(".card").length === 4);
        await other.waitForFunction(() => Number(document.querySelector(".mdf").dataset.raw) > 0);
        say({
          size: [width, height, theme],
          overflow: await other.evaluate(() => document.documentElement.scrollWidth - innerWidth),
          below: await other.evaluate(() => document.querySelector(".pairs").getBoundingClientRect().bottom - innerHeight),
          cut: await other.$$eval(".value, .mdf, .verdict b, .big", (all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map((e) => e.textContent)),
        });
        if (directory) await other.screenshot({ path: `${directory}/live-${width}x${height}-${theme}.png` });
        await other.context().close();
      }
  },
};

try {
  await scenarios[scenario]();
  say({ done: true });
} catch (error) {
  say({ error: error.message });
} finally {
  await browser.close();
  process.exit(0);
}
