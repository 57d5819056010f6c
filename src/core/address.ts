/** Whether an address is one of http or https that has no user, no password and no query in it. */
export function isPlainHttp(address: string): boolean {
  return URL.canParse(address) && /^https?:\/\/[^/?#@]+(\/[^?#]*)?$/i.test(address);
}

/** An address as it may be shown and logged: without a user and password, and without a query, where signatures stand. */
export function withoutSecrets(address: string): string {
  return address.replace(/^(.*?:\/\/)?.*@/s, "$1***@").replace(/\?.*$/s, "?***");
}
