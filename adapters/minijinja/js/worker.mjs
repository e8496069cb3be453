import { Refused, serve, unsupported } from '../../worker/node/harness_worker.mjs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const port = require.resolve('minijinja-js');

// What the port prints for a kind, and the kind's name in Rust.
const KINDS = {
  'not a primitive': 'NonPrimitive',
  'not a key type': 'NonKey',
  'invalid operation': 'InvalidOperation',
  'syntax error': 'SyntaxError',
  'template not found': 'TemplateNotFound',
  'too many arguments': 'TooManyArguments',
  'missing argument': 'MissingArgument',
  'unknown filter': 'UnknownFilter',
  'unknown function': 'UnknownFunction',
  'unknown test': 'UnknownTest',
  'unknown method': 'UnknownMethod',
  'bad string escape': 'BadEscape',
  'undefined value': 'UndefinedError',
  'could not serialize to value': 'BadSerialization',
  'could not render include': 'BadInclude',
  'could not render block': 'EvalBlock',
  'cannot unpack': 'CannotUnpack',
  'failed to write output': 'WriteFailure',
  'cannot deserialize': 'CannotDeserialize',
  'engine ran out of fuel': 'OutOfFuel',
  'invalid custom delimiters': 'InvalidDelimiter',
  'unknown block': 'UnknownBlock',
};

// The port's errors are one text: `kind: detail (in name:line)`, then a block that begins with a ruled line.
function refusal(error) {
  const [head] = error.message.split(/\n-{3,}/);
  const [, kind, detail, name, line] = /^([a-z ]+?)(?:: ([^]*?))?(?: \(in (.*):(\d+)\))?$/.exec(head) ?? [];
  if (!(kind in KINDS)) return undefined;
  return new Refused(KINDS[kind], { detail, name, line: Number(line) || undefined, text: error.message });
}

function attempt(call) {
  try {
    return call();
  } catch (error) {
    const refused = refusal(error);
    if (refused) return refused;
    // Anything else is a trap, and after a trap this instance of the WebAssembly module is not to be trusted.
    delete require.cache[port];
    throw error;
  }
}

function environment(settings) {
  const { Environment } = require(port);
  const env = new Environment();
  env.debug = true; // as in the source's tests: the text of an error shows the lines around it
  env.addGlobal('get_args', (...args) => args); // keyword arguments come back empty: the binding gives a Map and takes none
  env.undefinedBehavior = settings.undefined ?? 'lenient';
  env.keepTrailingNewline = settings.keep_trailing_newline ?? false;
  env.trimBlocks = settings.trim_blocks ?? false;
  env.lstripBlocks = settings.lstrip_blocks ?? false;
  return env;
}

function render({ name, input, params, settings, files }) {
  if (input.includes('one_shot_iterator')) return unsupported('the binding turns a JavaScript iterator into an empty map');

  const env = attempt(() => environment(settings));
  const broken = new Map();
  for (const [file, source] of files) {
    const refused = attempt(() => env.addTemplate(file, source));
    if (refused) broken.set(file, refused);
  }
  const result = attempt(() => {
    env.addTemplate(name, input);
    return env.renderTemplate(name, params);
  });
  if (!(result instanceof Refused)) return result;

  // A template that could not be loaded is not missing: its own error is the answer to the case that asks for it.
  const { kind, detail } = result.error;
  for (const [file, refused] of broken) {
    if (kind === 'TemplateNotFound' && detail?.includes(`"${file}"`)) throw refused;
  }
  throw result;
}

await serve({
  name: 'minijinja-js',
  version: require('minijinja-js/package.json').version,
  settings: ['undefined', 'keep_trailing_newline', 'trim_blocks', 'lstrip_blocks'],
  render,
});
