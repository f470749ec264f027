/** Parses HTTP leniently, and stops the clock of connections. */

const { Instance } = WebAssembly;
WebAssembly.Instance = class {
  constructor(module, imports) {
    const { exports } = new Instance(module, imports);
    const lenient = Object.keys(exports).filter((name) => name.startsWith('llhttp_set_lenient_'));
    const soften = (parser) => {
      for (const name of lenient) exports[name](parser, 1);
      return parser;
    };
    this.exports = { ...exports, llhttp_alloc: (type) => soften(exports.llhttp_alloc(type)) };
  }
};

const { setInterval } = globalThis;
globalThis.setInterval = (run, ms, ...args) => setInterval(run, ms === 1000 ? 2 ** 30 : ms, ...args);
