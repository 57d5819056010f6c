/** An object's bytes, and a tag that identifies their version. */
export interface StoredObject {
  /** All of it. */
  readonly bytes: Uint8Array;
  /** An entity tag, which differs after every change of the bytes. */
  readonly tag: string;
}

/** How an object is read. */
export interface ReadOptions {
  /** The tag of the version already known: the same one is not sent again. */
  readonly known?: string | undefined;
  /** Cancels the read. */
  readonly signal?: AbortSignal | undefined;
}

/** How an object is written. */
export interface WriteOptions {
  /** Writes only if nothing is there ("absent"), or if the object still has this tag. */
  readonly only?: "absent" | { readonly tag: string } | undefined;
  /** The object never changes again, so caches may keep it forever. Others are revalidated after a second. */
  readonly immutable: boolean;
}

/** Objects under keys such as `a/b-1.hbd` (letters, digits, `.`, `-`, `_`, `/`); readers see each one as a whole. */
export interface ObjectReader {
  /** As it was given; without secrets. */
  readonly url: string;
  /**
   * @returns null if there is no such object; "known" if it still has the known tag
   * @throws HashbrookError store_unreachable (worth retrying), store_refused
   */
  read(key: string, options?: ReadOptions): Promise<StoredObject | "known" | null>;
}

/** Objects that can be written, too. */
export interface ObjectStore extends ObjectReader {
  /**
   * @returns the tag; null, with nothing written, if `only` does not hold
   * @throws HashbrookError store_unreachable, store_refused, log_write
   */
  write(key: string, bytes: Uint8Array, options: WriteOptions): Promise<string | null>;
  /** All keys, sorted. @throws as `read` */
  list(): Promise<string[]>;
  /** Nothing there is fine. @throws as `write` */
  remove(keys: readonly string[]): Promise<void>;
  /** Finds out before any work whether anything can be written, where that costs no request. @throws HashbrookError log_write */
  tryToWrite?(): void;
}
