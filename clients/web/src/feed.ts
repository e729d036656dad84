// The connection to emgweb: messages as they come, and commands to emgd.

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
export type Body = { [key: string]: Value };
export interface Message extends Body {
  topic: string;
}

export interface Reply {
  ok: boolean;
  error?: { code: string; message: string };
  [key: string]: unknown;
}

export interface Listener {
  message(message: Message, array: Float32Array | null): void;
  /** Whether emgweb is there; when it comes back, everything is sent again. */
  connected(connected: boolean): void;
}

const PROTOCOL = "emgweb-1";
const RETRY_MS = 500;
const REPLY_MS = 25000;

export class Feed {
  private socket: WebSocket | null = null;
  private taken = 0;
  private nextId = 1;
  private waiting = new Map<number, (reply: Reply) => void>();
  private wanted: string[] = [];

  constructor(private listener: Listener) {
    this.connect();
  }

  /** Sends one command; a refusal, or no answer, is a reply with ok false. */
  command(command: string, args: Body = {}): Promise<Reply> {
    const id = this.nextId++;
    return new Promise((resolve) => {
      const failed = (code: string, message: string) => this.settle(id, { ok: false, error: { code, message } });
      this.waiting.set(id, resolve);
      if (this.socket?.readyState !== WebSocket.OPEN) {
        failed("not_connected", "emgweb is not there: nothing was done");
        return;
      }
      this.socket.send(JSON.stringify({ ...args, id, command }));
      setTimeout(() => failed("no_answer", "no answer came: whether it was done is not known"), REPLY_MS);
    });
  }

  /** The waveform.* and spectrum.* topics to get besides all others. */
  want(topics: string[]): void {
    this.wanted = topics;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ want: topics }));
  }

  private connect(): void {
    const socket = new WebSocket(`ws://${location.host}/`, PROTOCOL);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.taken = 0;
      this.listener.connected(true);
      this.want(this.wanted);
    };
    socket.onmessage = (event) => {
      if (typeof event.data === "string") this.takeText(event.data);
      else this.takeArray(event.data as ArrayBuffer);
      // emgweb sends no more than a few frames ahead of this, so that a slow browser never gets a backlog
      socket.send(String(++this.taken));
    };
    socket.onclose = () => {
      this.socket = null;
      this.listener.connected(false);
      for (const id of [...this.waiting.keys()])
        this.settle(id, { ok: false, error: { code: "not_connected", message: "the connection to emgweb was lost" } });
      setTimeout(() => this.connect(), RETRY_MS);
    };
    this.socket = socket;
  }

  private takeText(text: string): void {
    for (const item of JSON.parse(text) as (Message | { id: number; reply: Reply })[])
      if ("topic" in item) this.listener.message(item as Message, null);
      else this.settle(item.id as number, item.reply as Reply);
  }

  private takeArray(buffer: ArrayBuffer): void {
    const length = new DataView(buffer).getUint32(0, true);
    const line = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
    this.listener.message(JSON.parse(line) as Message, new Float32Array(buffer, 4 + length));
  }

  private settle(id: number, reply: Reply): void {
    this.waiting.get(id)?.(reply);
    this.waiting.delete(id);
  }
}
