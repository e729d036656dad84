// Prints the fatigue of each muscle, and the peak of its spectrum, as emgd publishes them.
//
// Usage: node subscribe.js [ENDPOINT [SERVER_KEY PUBLIC_KEY SECRET_KEY]]
// The three files of `emgctl keygen`, the daemon's public key and this client's pair, are for security.mode "curve".

import { readFileSync } from "node:fs";
import { Subscriber } from "zeromq";

const keyIn = (path) => readFileSync(path, "ascii").split("\n").find((line) => line.trim() && !line.startsWith("#")).trim().split(/\s/)[0];

const [endpoint = "tcp://127.0.0.1:5556", serverKey, publicKey, secretKey] = process.argv.slice(2);
const socket = new Subscriber({ receiveHighWaterMark: 0 }); // nothing is dropped on this side
if (secretKey) {
  Object.assign(socket, { curveServerKey: keyIn(serverKey), curvePublicKey: keyIn(publicKey), curveSecretKey: keyIn(secretKey) });
}
socket.connect(endpoint);
socket.subscribe("fatigue.", "spectrum.", "status");

const lastSeq = new Map();
for await (const [topic, body, array] of socket) {
  const name = topic.toString();
  const muscle = name.slice(name.indexOf(".") + 1);
  const message = JSON.parse(body.toString()); // what is not known is null, never 0
  const lost = message.seq - (lastSeq.get(name) ?? message.seq - 1) - 1;
  if (lost > 0) console.log(`${name}: ${lost} messages lost`); // below 0: the daemon was started anew
  lastSeq.set(name, message.seq);
  if (name.startsWith("fatigue.")) {
    console.log(`${muscle} MDF ${message.mdf_hz} +- ${message.mdf_se_hz} Hz: ${message.verdict} - ${message.reason}`);
  } else if (name.startsWith("spectrum.")) {
    // the part may begin anywhere in its buffer, and a Float32Array only at a multiple of four
    const psd = new Float32Array(new Uint8Array(array).buffer);
    const peak = psd.indexOf(Math.max(...psd));
    console.log(`${muscle} spectrum of ${psd.length} values, peak at ${(message.f0_hz + peak * message.df_hz).toFixed(1)} Hz`);
  } else if (message.state === "ended") {
    break;
  }
}
socket.close();
