// What the page knows: the last message of each topic, the courses, and the test in progress as its events tell it.

import type { Body, Listener, Message, Value } from "./feed";

export interface Course {
  t: number[]; // Unix time
  mdf: (number | null)[];
  se: (number | null)[];
}

export interface Result {
  muscle: string;
  accepted: boolean;
  body: Body;
}

export interface Session {
  id: string;
  participant: string;
  stages: Body[];
  rest: Map<string, Result>;
  reference: Map<string, Result>;
  baseline: Map<string, Result>;
  seen: Set<string>; // muscles whose contraction has been seen, with a good signal
  ended: boolean;
  recording: string | null; // path of the last one
}

export const number = (value: Value | undefined): number | null => (typeof value === "number" ? value : null);
export const text = (value: Value | undefined): string => (typeof value === "string" ? value : "");

const COURSE_POINTS = 7200;
const LOG_LINES = 200;

function newSession(id: string, participant: string): Session {
  return {
    id,
    participant,
    stages: [],
    rest: new Map(),
    reference: new Map(),
    baseline: new Map(),
    seen: new Set(),
    ended: false,
    recording: null,
  };
}

export class Model implements Listener {
  latest = new Map<string, { body: Message; array: Float32Array | null; version: number }>();
  courses = new Map<string, Course>();
  log: Message[] = [];
  session: Session | null = null;
  webConnected = false;
  version = 0;
  private recordingPath: string | null = null;

  /** The last message of a topic; null when there is none, or none that still says something of now. */
  get(topic: string): Body | null {
    return this.alive ? (this.latest.get(topic)?.body ?? null) : null;
  }

  array(topic: string): Float32Array | null {
    return this.alive ? (this.latest.get(topic)?.array ?? null) : null;
  }

  topicVersion(topic: string): number {
    return this.latest.get(topic)?.version ?? 0;
  }

  /** Whether emgd's messages come. */
  get alive(): boolean {
    return this.webConnected && this.latest.get("link")?.body.alive === true;
  }

  get status(): Body | null {
    return this.get("status");
  }

  /** Signal time between a frame and the newest one that is known of; Infinity: not known. */
  secondsSince(frame: number): number {
    const rate = number(this.status?.rate_hz);
    const newest = this.muscles.map((muscle) => number(this.get(`activation.${muscle}`)?.frame)).find((f) => f !== null);
    return rate !== null && newest !== undefined && newest !== null ? (newest - frame) / rate : Infinity;
  }

  /** Names in the order of the montage; they stay while emgd is away. */
  get muscles(): string[] {
    return (this.latest.get("status")?.body.muscles as string[] | undefined) ?? [];
  }

  connected(connected: boolean): void {
    this.version++;
    this.webConnected = connected;
    if (!connected) return;
    this.latest.clear();
    this.courses.clear();
    this.log = [];
    this.session = null;
    this.recordingPath = null;
  }

  message(message: Message, array: Float32Array | null): void {
    const topic = message.topic;
    this.version++;
    if (topic.startsWith("course.")) this.takeCourse(topic.slice(7), message, array);
    else if (topic.startsWith("event.")) this.takeEvent(topic.slice(6), message);
    else {
      this.latest.set(topic, { body: message, array, version: this.version });
      if (topic.startsWith("fatigue.")) this.takePoint(topic.slice(8), message);
      if (topic.startsWith("activation.")) this.takeActivation(topic.slice(11), message);
    }
  }

  private takeCourse(muscle: string, message: Message, array: Float32Array | null): void {
    const course: Course = { t: [], mdf: [], se: [] };
    const origin = number(message.origin_t) ?? 0;
    for (let i = 0; array && i + 2 < array.length; i += 3) this.push(course, origin + array[i]!, array[i + 1]!, array[i + 2]!);
    this.courses.set(muscle, course);
  }

  private push(course: Course, t: number, mdf: number | null, se: number | null): void {
    const last = course.t[course.t.length - 1];
    if (last !== undefined && t < last - 1) course.t.length = course.mdf.length = course.se.length = 0; // another stream
    else if (last !== undefined && t <= last + 0.01) return;
    if (course.t.length >= COURSE_POINTS) for (const list of [course.t, course.mdf, course.se]) list.shift();
    course.t.push(t);
    course.mdf.push(mdf !== null && Number.isFinite(mdf) ? mdf : null);
    course.se.push(se !== null && Number.isFinite(se) ? se : null);
  }

  private takePoint(muscle: string, message: Message): void {
    const t = number(message.t);
    let course = this.courses.get(muscle);
    if (!course) this.courses.set(muscle, (course = { t: [], mdf: [], se: [] }));
    if (t !== null) this.push(course, t, number(message.mdf_hz), number(message.mdf_se_hz));
  }

  private takeActivation(muscle: string, message: Message): void {
    if (this.session && message.active === true && message.quality !== "bad") this.session.seen.add(muscle);
  }

  private takeEvent(kind: string, message: Message): void {
    this.log.push(message);
    if (this.log.length > LOG_LINES) this.log.shift();
    if (kind === "session") this.takeSession(message);
    if (kind === "recording") this.takeRecording(message);
    const session = this.session;
    if (!session || session.ended) return;
    if (kind === "stage") session.stages.push(message);
    const muscle = text(message.muscle);
    const result = { muscle, accepted: message.accepted === true, body: message };
    if (kind === "rest" || kind === "reference" || kind === "baseline") {
      // what was accepted stays when a later try is refused
      if (result.accepted || !session[kind].get(muscle)?.accepted) session[kind].set(muscle, result);
      else session[kind].set(muscle, { ...session[kind].get(muscle)!, body: { ...session[kind].get(muscle)!.body, later_refusal: message.reason ?? null } });
    }
  }

  private takeSession(message: Message): void {
    const id = text(message.session);
    if (message.state === "stopped") {
      if (this.session) this.session.ended = true;
    } else if (this.session?.id !== id) {
      this.session = newSession(id, text(message.participant));
      this.session.recording = this.recordingPath;
    }
  }

  private takeRecording(message: Message): void {
    this.recordingPath = message.state === "started" ? text(message.path) : null;
    if (this.session && message.state === "started") this.session.recording = text(message.path);
  }
}

export const sideOf = (muscle: string): string => muscle.slice(0, muscle.indexOf("."));
export const nameOf = (muscle: string): string => muscle.slice(muscle.indexOf(".") + 1);

/** "left.gastrocnemius_medialis" as people say it. */
export function words(muscle: string): string {
  return `${sideOf(muscle)} ${nameOf(muscle).replace(/_/g, " ")}`;
}
