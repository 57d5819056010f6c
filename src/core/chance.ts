let secret: bigint | undefined;

/**
 * 64 random bits, the same as long as the process (or thread) lives: where keys go in tables that are searched by hash, so that nobody
 * can make keys that meet. Nothing that is learned, answered or saved may depend on them.
 */
export function hashSecret(): bigint {
  secret ??= crypto.getRandomValues(new BigUint64Array(1))[0];
  return secret;
}

/** For tests: the secret of what is made from now on; undefined: a new random one. */
export function fixHashSecret(value: bigint | undefined): void {
  secret = value;
}

/** A random number in [0, 1): for how long to wait, never for what is learned. */
export const drawn = (): number => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
