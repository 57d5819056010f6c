/** Whether an address is an http or https URL without a user, password or query. */
export function isPlainHttp(address: string): boolean {
  return URL.canParse(address) && /^https?:\/\/[^/?#@]+(\/[^?#]*)?$/i.test(address);
}

/**
 * An address as it may be shown and logged: without user and password, and without the query, which may hold a
 * signature.
 */
export function withoutSecrets(address: string): string {
  return address.replace(/^(.*?:\/\/)?.*@/s, "$1***@").replace(/\?.*$/s, "?***");
}
