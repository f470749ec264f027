/** The parser as WebAssembly; undici has no types for its own parts. */
declare module 'undici/lib/llhttp/llhttp_simd-wasm.js' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
