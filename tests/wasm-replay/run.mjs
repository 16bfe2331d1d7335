// Replays a trace with the module that is built from this folder; prints the hash of all answers.
//
//   node tests/wasm-replay/run.mjs MODULE.wasm FILE.trace

import { readFileSync } from "node:fs";

const [modulePath, tracePath] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(modulePath), {});
const { memory, quorate_room, quorate_replay } = instance.exports;
const trace = readFileSync(tracePath);
const place = quorate_room(trace.length);
new Uint8Array(memory.buffer, place, trace.length).set(trace);
const hash = BigInt.asUintN(64, quorate_replay(place, trace.length));
if (hash === 0n) {
    console.error(`error: ${tracePath} is no trace, or is answered otherwise than it was recorded`);
    process.exit(1);
}
console.log(hash.toString(16).padStart(16, "0"));
