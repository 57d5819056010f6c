/**
 * Names that the kernels' types use. TypeScript has them in its DOM library only, without which a consumer's compiler would not
 * know them; empty, they merge with any other declaration.
 */
declare global {
  namespace WebAssembly {
    interface Memory {}
    interface Module {}
    interface Instance {}
  }
}

export {};
