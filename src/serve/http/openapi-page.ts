/** An OpenAPI document as a self-contained page without scripts. */
export function pageOf(document: object): string {
  const { info, paths } = document as Document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => section(method, path, operation)),
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(info.title)} ${escaped(info.version)}</title><style>${STYLE}</style>
<h1>${escaped(info.title)} ${escaped(info.version)}</h1><p>${escaped(info.description)}
Machine-readable: <a href="openapi.json">openapi.json</a>.</p>
${operations.join("\n")}</html>`;
}

interface Operation {
  readonly summary: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly description?: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}
interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
details{border:1px solid #8885;border-radius:6px;margin:.5rem 0;padding:.5rem .8rem}summary{cursor:pointer}
summary b{display:inline-block;min-width:3.2rem}code,pre{font:13px/1.45 ui-monospace,monospace}pre{overflow:auto}`;

function section(method: string, path: string, { summary, parameters, requestBody, responses }: Operation): string {
  const items = parameters.map(
    ({ name, in: where, description = "" }) =>
      `<li><code>${escaped(name)}</code> (${where}) ${escaped(description)}</li>`,
  );
  const bodies = Object.entries(requestBody?.content ?? {}).map(
    ([type, { schema }]) => `<h4>Body: ${escaped(type)}</h4>${pre(schema)}`,
  );
  const answers = Object.entries(responses).map(
    ([status, { description, content = {} }]) => `<h4>${escaped(status)} ${escaped(description)}</h4>${pre(content)}`,
  );
  return `<details><summary><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code> ${escaped(summary)}</summary>
${items.length > 0 ? `<ul>${items.join("")}</ul>` : ""}${bodies.join("")}${answers.join("")}</details>`;
}

const pre = (value: object) => `<pre>${escaped(JSON.stringify(value, null, 2))}</pre>`;

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string) => text.replace(/[&<>"]/g, (c) => entities[c]);
