/** What holds something, such as a file or a connection, until it is closed. */
export interface Closable {
  close(): unknown;
}

/**
 * Closes parts one after the other: one that fails does not keep the others open.
 * @param parts null and undefined are left out
 * @throws what the first failing part threw, after the last one
 */
export async function closeAll(...parts: readonly (Closable | null | undefined)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of parts) {
    try {
      await part?.close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** As `closeAll`, after a failure, whose error is the one to report: never throws. */
export async function closeQuietly(...parts: readonly (Closable | null | undefined)[]): Promise<void> {
  await closeAll(...parts).catch(() => {});
}

/**
 * Runs `use`, then closes what it used, also after a failure.
 * @throws what `use` threw, whether or not closing fails as well; otherwise what closing threw
 */
export async function closingAfter<T>(use: () => Promise<T>, used: Closable): Promise<T> {
  let result: T;
  try {
    result = await use();
  } catch (error) {
    await closeQuietly(used);
    throw error;
  }
  await used.close();
  return result;
}
