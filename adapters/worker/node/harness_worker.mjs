// The wire protocol, version 1, for ports written in JavaScript or TypeScript. See README.md.

import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

// Taken when this file is imported, so that what a port prints while it loads is moved aside too.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

/** Thrown by `render`: the port refused the input, in the way its API does. */
export class Refused extends Error {
  constructor(kind, fields = {}) {
    super(fields.detail ?? kind);
    this.error = { kind, ...fields };
  }
}

class Reply {
  constructor(body) {
    this.body = body;
  }
}

export function outputs(named) {
  const entries = Object.entries(named);
  return new Reply({ outputs: Object.fromEntries(entries.map(([name, it]) => [name, Number.isInteger(it) ? it : encode(it)])) });
}

export function value(json) {
  if (json === undefined) throw new TypeError('value(undefined) has no JSON form');
  return new Reply({ value: json });
}

export function unsupported(reason) {
  return new Reply({ unsupported: reason });
}

export async function serve({ name, version, settings = [], render }) {
  const known = new Set(settings);
  const shared = new Map();
  let code = 0;
  try {
    for await (const line of lines(process.stdin)) {
      const message = JSON.parse(line);
      if ('id' in message) {
        await send(await answer(message, shared.get(message.suite) ?? new Map(), known, render));
      } else if ('open' in message) {
        const files = Object.entries(object(message, 'files'));
        shared.set(message.open, new Map(files.map(([name, it]) => [name, decode(it)])));
      } else if ('harness' in message) {
        await send(JSON.stringify({ ready: 1, name, version }));
      } else {
        throw new TypeError('a line is a handshake, an open or a request');
      }
    }
  } catch (error) {
    process.stderr.write(`harness_worker: ${error.stack}\n`);
    code = 2;
  }
  // A timer or a socket that the port left open must not keep the worker alive, and an exit does not wait for stderr.
  process.stderr.write('', () => process.exit(code));
}

async function answer(request, files, known, render) {
  const { id, suite, name } = request;
  if (![id, suite, name].every((it) => typeof it === 'string')) {
    throw new TypeError(`a request needs an id, a suite and a name: ${JSON.stringify(request).slice(0, 200)}`);
  }
  const input = decode(request.input);
  const params = object(request, 'params');
  const settings = object(request, 'settings');
  try {
    for (const key of Object.keys(settings)) {
      if (!known.has(key)) throw new Refused('UnknownSetting', { detail: `unknown setting "${key}"` });
    }
    const result = await render({ suite, name, input, params, settings, files });
    // A promise that the port forgot to await fails only now; the worker must die of it in this case, not in the next.
    await new Promise(setImmediate);
    const body = result instanceof Reply ? result.body : { output: encode(result) };
    return JSON.stringify({ id, ...body }, (_, it) => tag(it));
  } catch (thrown) {
    const body = thrown instanceof Refused ? { error: thrown.error } : { panic: panic(thrown) };
    return JSON.stringify({ id, ...body });
  }
}

// Not node:readline: it also ends a line at U+2028, which JSON may hold.
async function* lines(stream) {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let pieces = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end; (end = chunk.indexOf(0x0a, start)) !== -1; start = end + 1) {
      pieces.push(chunk.subarray(start, end));
      const line = utf8.decode(Buffer.concat(pieces));
      pieces = [];
      if (line.trim() !== '') yield line;
    }
    pieces.push(chunk.subarray(start));
  }
  const rest = utf8.decode(Buffer.concat(pieces));
  if (rest.trim() !== '') yield rest;
}

// Waits until the reply has left: a pipe may be full, and what is still queued is lost when the port ends the process.
function send(line) {
  return new Promise((resolve, reject) => {
    write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

function object(message, key) {
  const { [key]: found = {} } = message;
  if (found === null || typeof found !== 'object' || Array.isArray(found)) throw new TypeError(`"${key}" is not an object`);
  return Object.fromEntries(Object.entries(found).map(([name, it]) => [name, untag(it)]));
}

function decode(content) {
  if (typeof content === 'string') return content;
  if (typeof content?.base64 === 'string') {
    const bytes = Buffer.from(content.base64, 'base64'); // reads what it can and skips the rest
    if (bytes.toString('base64') !== content.base64) throw new TypeError('what is called base64 is not');
    return bytes;
  }
  throw new TypeError(`content is a string or {"base64": string}, not ${JSON.stringify(content)}`);
}

function encode(content) {
  if (typeof content === 'string') return content;
  if (content instanceof Uint8Array) {
    return { base64: Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64') };
  }
  throw new TypeError(`an output is a string or a Uint8Array, not ${inspect(content)}`);
}

const FLOATS = new Map([['nan', NaN], ['inf', Infinity], ['-inf', -Infinity]]);

function untag(json) {
  if (json === null || typeof json !== 'object') return json;
  const keys = Object.keys(json);
  if (keys.length === 1 && FLOATS.has(json.$float)) return FLOATS.get(json.$float);
  for (const key of keys) json[key] = untag(json[key]);
  return json;
}

function tag(it) {
  if (typeof it !== 'number' || Number.isFinite(it)) return it;
  return { $float: Number.isNaN(it) ? 'nan' : it > 0 ? 'inf' : '-inf' };
}

function panic(thrown) {
  if (!(thrown instanceof Error)) return { message: typeof thrown === 'string' ? thrown : inspect(thrown) };
  return {
    message: thrown.name === 'Error' ? thrown.message : String(thrown),
    frames: String(thrown.stack).split('\n').flatMap(frame),
  };
}

// One line of a stack, `    at name (file:line:column)`, without the parts that change from machine to machine.
function frame(line) {
  if (!line.startsWith('    at ') || line.includes(import.meta.url) || /[ (]node:/.test(line)) return [];
  const place = line.slice(7).replace(/^async /, '');
  const script = /^(?:(.*) \()?((?:file:\/\/|\/|[A-Za-z]:\\).*?):(\d+):\d+\)?$/.exec(place);
  if (!script) return [place];
  const [, name = '<anonymous>', file, row] = script;
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  return [`${name} (${relative(dirname(process.argv[1]), path)}:${row})`];
}
