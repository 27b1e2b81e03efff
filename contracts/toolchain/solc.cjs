// solc's --standard-json mode over the npm package solc (the compiler built to WebAssembly).
// The package's own command line resolves no imports in this mode, so the callback lives here.
'use strict';

const fs = require('fs');
const path = require('path');
const solc = require('solc');

const VALUE_FLAGS = new Set(['--base-path', '--include-path', '--allow-paths']);

function parse(argv) {
  const options = { standardJson: false, roots: [], input: 0 };
  for (let at = 0; at < argv.length; at += 1) {
    const [flag, inline] = argv[at].split(/=(.*)/s);
    if (VALUE_FLAGS.has(flag)) {
      const value = inline === undefined ? argv[(at += 1)] : inline;
      // --allow-paths is dropped: every file the callback can reach is a pinned dependency.
      if (flag !== '--allow-paths') options.roots.push(value);
    } else if (flag === '--standard-json') {
      options.standardJson = true;
    } else if (!flag.startsWith('-')) {
      options.input = argv[at];
    }
  }
  return options;
}

function importer(roots) {
  const bases = roots.length > 0 ? roots : ['.'];
  return (name) => {
    const candidates = path.isAbsolute(name) ? [name] : bases.map((base) => path.join(base, name));
    const found = candidates.find((candidate) => fs.existsSync(candidate));
    if (found === undefined) return { error: `File not found: ${name}` };
    return { contents: fs.readFileSync(found, 'utf8') };
  };
}

// A pipe refuses large writes with EAGAIN, and leaving before the rest is written cuts the answer.
function writeAll(text) {
  const bytes = Buffer.from(`${text}\n`);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += fs.writeSync(1, bytes, written);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

const options = parse(process.argv.slice(2));
if (!options.standardJson) {
  process.stderr.write('only --standard-json is supported\n');
  process.exit(1);
}
const request = fs.readFileSync(options.input, 'utf8');
writeAll(solc.compile(request, { import: importer(options.roots) }));
process.exit(0);
