/** An object's bytes, and what tells one state of it from another. */
export interface StoredObject {
  /** All of it. */
  readonly bytes: Uint8Array;
  /** An entity tag: another one after every change of the bytes. */
  readonly tag: string;
}

/** How an object is read. */
export interface ReadOptions {
  /** The tag of what is known already: the same is not sent again. */
  readonly known?: string | undefined;
  /** Gives the read up. */
  readonly signal?: AbortSignal | undefined;
}

/** How an object is written. */
export interface WriteOptions {
  /** Writes only where nothing is ("absent"), or where the object has this tag still. */
  readonly only?: "absent" | { readonly tag: string } | undefined;
  /** The object never changes again: caches may keep it for ever. The others are asked for again after a second. */
  readonly immutable: boolean;
}

/** Objects under keys such as `a/b-1.hbd` (letters, digits, `.`, `-`, `_`, `/`); each is seen as a whole. */
export interface ObjectReader {
  /** As it was given; without secrets. */
  readonly url: string;
  /**
   * @returns null where nothing is; "known" where it has the tag that is known
   * @throws HashbrookError store_unreachable (worth trying again), store_refused
   */
  read(key: string, options?: ReadOptions): Promise<StoredObject | "known" | null>;
}

/** Objects that can be written, too. */
export interface ObjectStore extends ObjectReader {
  /**
   * @returns the tag; null, and nothing is written, where `only` does not hold
   * @throws HashbrookError store_unreachable, store_refused, log_write
   */
  write(key: string, bytes: Uint8Array, options: WriteOptions): Promise<string | null>;
  /** All keys, sorted. @throws as `read` */
  list(): Promise<string[]>;
  /** Nothing there is fine. @throws as `write` */
  remove(keys: readonly string[]): Promise<void>;
}
