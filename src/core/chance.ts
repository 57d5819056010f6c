let secret: bigint | undefined;

/**
 * 64 random bits, constant for the life of the process (or thread). They determine the positions of keys in hash
 * indexes, so that nobody can construct colliding keys. Nothing learned, answered or saved may depend on them.
 */
export function hashSecret(): bigint {
  secret ??= crypto.getRandomValues(new BigUint64Array(1))[0];
  return secret;
}

/** For tests: sets the secret used from now on; undefined: a new random one. */
export function fixHashSecret(value: bigint | undefined): void {
  secret = value;
}

/** A random number in [0, 1), for waiting times; never for anything that is learned. */
export const drawn = (): number => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
