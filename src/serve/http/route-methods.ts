/** The methods of each path. */
export class RouteMethods {
  private readonly patterns = new Map<string, { readonly pattern: RegExp; readonly methods: string[] }>();

  /** @param url in fastify's notation: `/v1/models/:name([^:/]+)::score` */
  add(url: string, method: string): void {
    const parts = url.split(/((?<!:):\w+(?:\([^)]*\))?)/);
    const source = parts.map((part, i) =>
      i % 2
        ? (/\((.*)\)/.exec(part)?.[1] ?? "[^/]+")
        : part.replaceAll("::", ":").replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
    );
    const entry = this.patterns.get(url) ?? { pattern: new RegExp(`^${source.join("")}$`), methods: [] };
    entry.methods.push(method);
    this.patterns.set(url, entry);
  }

  of(path: string): string[] {
    return [
      ...new Set([...this.patterns.values()].flatMap(({ pattern, methods }) => (pattern.test(path) ? methods : []))),
    ];
  }
}
