/** Whether an address is an http or https URL without a user, password or query. */
export function isPlainHttp(address: string): boolean {
  return URL.canParse(address) && /^https?:\/\/[^/?#@]+(\/[^?#]*)?$/i.test(address);
}

/**
 * An address as it may be shown and logged: without user and password, and without the query, which may hold a
 * signature. A path is shown as it is.
 */
export function withoutSecrets(address: string): string {
  if (isPath(address)) return address;
  return address.replace(/^(.*?:\/\/)?.*@/s, "$1***@").replace(/\?.*$/s, "?***");
}

/** True for what names a file or directory, also `objects:DIR`: neither a URL nor `USER:PASSWORD@HOST:PORT`. */
function isPath(address: string): boolean {
  if (address.includes("://")) return false;
  return /^(objects:|[./~])/i.test(address) || !/\?|:.*@|@[^/]*:\d/s.test(address);
}
