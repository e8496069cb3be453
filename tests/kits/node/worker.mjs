import { Refused, outputs, serve, unsupported, value } from '../../../adapters/worker/node/harness_worker.mjs';

function blowUp() {
  throw new Error('boom');
}

function descend(depth) {
  return descend(depth + 1) + 1;
}

const behaviours = {
  echo: ({ input }) => input,
  value: ({ params, settings, suite }) => value({ params, settings, suite }),
  outputs: ({ input }) => outputs({ stdout: input, exit: 3, 'files/a.bin': Uint8Array.of(0x00, 0xff, 0x80) }),
  error: ({ name }) => {
    throw new Refused('SyntaxError', { detail: 'bad', line: 7, name, text: 'whole\n' });
  },
  panic: () => blowUp(),
  overflow: () => String(descend(0)),
  die: () => {
    process.stderr.write('dying\n');
    process.exit(3);
  },
  print: () => {
    console.log('stray');
    return 'printed';
  },
  unsupported: () => unsupported('not yet'),
  shared: ({ input, files }) => {
    if (!files.has(input)) throw new Refused('NoSuchFile', { detail: `no shared file ${input}` });
    return files.get(input);
  },
};

await serve({
  name: 'conformance-node',
  version: '1',
  settings: ['trim'],
  render: (given) => behaviours[given.name](given),
});
