#!/usr/bin/env node
// The installed command: on Bun straight from the sources, on Node from what was built of them.
await import(process.versions.bun === undefined ? '../dist/main.js' : '../src/main.ts');
