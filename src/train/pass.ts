/** What a checkpoint knows of the list of files being learned, beside the place in it: plain JSON. */
export interface Pass {
  /** Where the part that is held out for validation begins: "FILE OFFSET"; null: nothing is held out. */
  readonly held_out: string | null;
}
