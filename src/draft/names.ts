/** Turns a text into a name that a spec accepts. */
export function nameOf(text: string): string {
  const plain = text.replace(/[^\w.-]+/g, "_");
  return (/^[A-Za-z_]/.test(plain) ? plain : `f_${plain}`).slice(0, 60);
}

/** The name, or with a number after it where it is taken already; it is then taken. */
export function unlike(name: string, names: Set<string>): string {
  let found = name;
  for (let i = 2; names.has(found); i++) found = `${name}_${i}`;
  names.add(found);
  return found;
}
