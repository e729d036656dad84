// The three pictures of a muscle: course of the median frequency, mean profile, waveform.

import uPlot from "uplot";
import type { Body } from "./feed";
import { number, type Course } from "./model";

const LEAST_SPAN_HZ = 20;
const LEAST_SPAN_S = 60;
const CERTAIN = 2; // times the median standard error: what is less certain does not stretch the axis

export interface Palette {
  line: string;
  band: string;
  trend: string;
  grid: string;
  ink: string;
}

export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const get = (name: string) => style.getPropertyValue(name).trim();
  return { line: get("--line"), band: get("--band"), trend: get("--trend"), grid: get("--grid"), ink: get("--ink-2") };
}

abstract class Chart {
  protected plot: uPlot;
  private observer: ResizeObserver;

  constructor(protected element: HTMLElement, options: Omit<uPlot.Options, "width" | "height">, data: uPlot.AlignedData) {
    this.plot = new uPlot({ ...options, ...this.size() }, data, element);
    this.observer = new ResizeObserver(() => this.plot.setSize(this.size()));
    this.observer.observe(element);
  }

  destroy(): void {
    this.observer.disconnect();
    this.plot.destroy();
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(40, this.element.clientWidth), height: Math.max(30, this.element.clientHeight) };
  }
}

const axis = (p: Palette, more: uPlot.Axis): uPlot.Axis => ({
  stroke: p.ink,
  grid: { stroke: p.grid, width: 1 },
  ticks: { show: false },
  font: "12px system-ui, sans-serif",
  size: 26,
  ...more,
});

const OFF = { legend: { show: false }, cursor: { show: false }, padding: [6, 14, 0, 0] as [number, number, number, number] };

/** The trend as the daemon states it, drawn through the middle of the stage's points; a break bends it. */
function trend(course: Course, from: number, fatigue: Body | null): (number | null)[] {
  const slope = number(fatigue?.slope_hz_per_min);
  const percent = number(fatigue?.slope_percent_per_min);
  const recent = number(fatigue?.recent_slope_percent_per_min);
  const breakS = number(fatigue?.break_s);
  const none = course.t.map(() => null);
  if (slope === null) return none;
  const first = course.t.find((t, i) => t >= from && course.mdf[i] !== null);
  if (first === undefined) return none;
  const bend = breakS !== null && recent !== null && percent ? (recent * slope) / percent : slope;
  const shape = (t: number) => {
    const s = t - first;
    return breakS === null || s < breakS ? (slope * s) / 60 : (slope * breakS + bend * (s - breakS)) / 60;
  };
  let sum = 0;
  let weights = 0;
  course.t.forEach((t, i) => {
    const mdf = course.mdf[i];
    if (t < from || mdf === null || mdf === undefined) return;
    const w = 1 / Math.max(0.1, course.se[i] ?? 1) ** 2;
    sum += w * (mdf - shape(t));
    weights += w;
  });
  return course.t.map((t) => (t >= first ? sum / weights + shape(t) : null));
}

/** MDF in hertz with its 95 % confidence band, the stages as lines, and the trend. */
export class CourseChart extends Chart {
  private stages: number[] = [];
  private limits: [number, number] = [50, 150];

  constructor(element: HTMLElement) {
    const p = palette();
    super(
      element,
      {
        ...OFF,
        scales: { x: { time: false }, y: { range: () => this.limits } },
        axes: [
          axis(p, { values: (_, ticks) => ticks.map((t) => `${+t.toFixed(2)}`), space: 50 }),
          axis(p, { size: 38, space: 26 }),
        ],
        series: [
          {},
          { stroke: p.line, width: 2.5, points: { show: false } },
          { stroke: "transparent", points: { show: false } },
          { stroke: "transparent", points: { show: false } },
          { stroke: p.trend, width: 2, dash: [7, 5], points: { show: false } },
        ],
        bands: [{ series: [2, 3], fill: p.band }],
        hooks: { draw: [(u) => this.drawStages(u, p)] },
      },
      [[], [], [], [], []],
    );
  }

  /** stages: Unix times; the last is where the trend begins. */
  set(course: Course, stages: number[], fatigue: Body | null): void {
    const origin = course.t[0] ?? 0;
    const at = (t: number) => (t - origin) / 60;
    this.stages = stages.map(at);
    this.limits = CourseChart.limitsOf(course);
    const low = course.mdf.map((m, i) => (m !== null && course.se[i] != null ? m - 1.96 * course.se[i]! : null));
    const high = course.mdf.map((m, i) => (m !== null && course.se[i] != null ? m + 1.96 * course.se[i]! : null));
    const last = course.t[course.t.length - 1] ?? 0;
    this.plot.batch(() => {
      this.plot.setData([course.t.map(at), course.mdf, high, low, trend(course, stages[stages.length - 1] ?? 0, fatigue)], false);
      this.plot.setScale("x", { min: 0, max: Math.max(LEAST_SPAN_S, last - origin) / 60 });
    });
  }

  private drawStages(u: uPlot, p: Palette): void {
    if (!this.stages) return;
    u.ctx.save();
    u.ctx.strokeStyle = p.ink;
    u.ctx.lineWidth = devicePixelRatio;
    for (const stage of this.stages) {
      const x = Math.round(u.valToPos(stage, "x", true));
      if (x <= u.bbox.left) continue;
      u.ctx.beginPath();
      u.ctx.moveTo(x, u.bbox.top);
      u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
      u.ctx.stroke();
    }
    u.ctx.restore();
  }

  private static limitsOf(course: Course): [number, number] {
    const errors = course.se.filter((se): se is number => se !== null).sort((a, b) => a - b);
    const most = CERTAIN * (errors[errors.length >> 1] ?? Infinity);
    let low = Infinity;
    let high = -Infinity;
    course.mdf.forEach((mdf, i) => {
      const se = course.se[i] ?? null;
      if (mdf === null || se === null || se > most) return;
      low = Math.min(low, mdf - 1.96 * se);
      high = Math.max(high, mdf + 1.96 * se);
    });
    if (!(low <= high)) return [50, 150];
    const middle = (low + high) / 2;
    const half = Math.max(LEAST_SPAN_HZ, (high - low) * 1.1) / 2;
    return [Math.floor((middle - half) / 5) * 5, Math.ceil((middle + half) / 5) * 5];
  }
}

/** Mean envelope over the gait cycle with +- 1 SD. */
export class ProfileChart extends Chart {
  private x = Array.from({ length: 101 }, (_, i) => i);

  constructor(element: HTMLElement) {
    const p = palette();
    super(
      element,
      {
        ...OFF,
        scales: { x: { time: false, range: [0, 100] }, y: { range: (_, __, high) => [0, Math.max(1, high) * 1.05] } },
        axes: [axis(p, { splits: () => [0, 50, 100] }), axis(p, { size: 38, space: 26 })],
        series: [
          {},
          { stroke: p.line, width: 2.5, points: { show: false } },
          { stroke: "transparent", points: { show: false } },
          { stroke: "transparent", points: { show: false } },
        ],
        bands: [{ series: [2, 3], fill: p.band }],
      },
      [[], [], [], []],
    );
  }

  set(mean: Float32Array | null, sd: number[] | null): void {
    const values = mean && mean.length === 101 ? Array.from(mean) : [];
    const spread = (sign: number) => values.map((v, i) => Math.max(0, v + sign * (sd?.[i] ?? 0)));
    this.plot.setData([values.length ? this.x : [], values, spread(1), spread(-1)]);
  }
}

/** The last seconds of the filtered signal. */
export class WaveformChart extends Chart {
  private static SECONDS = 2;
  private t: number[] = [];
  private uv: (number | null)[] = [];
  private next = -1;

  constructor(element: HTMLElement) {
    const p = palette();
    super(
      element,
      {
        ...OFF,
        scales: {
          x: { time: false, range: (_, __, high) => [high - WaveformChart.SECONDS, high] },
          y: {
            range: (_, low, high) => {
              const largest = 1.1 * Math.max(20, -(low ?? 0), high ?? 0);
              return [-largest, largest];
            },
          },
        },
        axes: [axis(p, { show: false }), axis(p, { size: 44, space: 26 })],
        series: [{}, { stroke: p.line, width: 1, points: { show: false } }],
      },
      [[], []],
    );
  }

  /** A chunk that does not follow on the last one leaves a hole. */
  add(chunk: Float32Array, body: Body, deviceRateHz: number): void {
    const first = number(body.first_frame) ?? 0;
    const rate = number(body.rate_hz) ?? 2000;
    const begin = first / deviceRateHz;
    if (this.next >= 0 && Math.abs(begin - this.next) > 1.5 / rate) {
      this.t.push(this.next);
      this.uv.push(null);
      if (begin < this.next) this.t.length = this.uv.length = 0;
    }
    chunk.forEach((uv, i) => {
      this.t.push(begin + i / rate);
      this.uv.push(uv);
    });
    this.next = begin + chunk.length / rate;
    const drop = this.t.findIndex((t) => t >= this.next - WaveformChart.SECONDS);
    if (drop > 0) {
      this.t.splice(0, drop);
      this.uv.splice(0, drop);
    }
    this.plot.setData([this.t, this.uv]);
  }
}
