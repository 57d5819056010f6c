import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Instead of half a minute, which a busy machine needs. */
const PATIENCE_MS = 180_000;
const PLACES = [
  process.env.HASHBROOK_CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];
const found = PLACES.find((path) => path !== undefined && existsSync(path));

/** Whether a browser is installed, which CI requires. */
export function hasBrowser(): boolean {
  if (found) return true;
  const why = "no Chromium (apt-get install chromium, or set HASHBROOK_CHROMIUM)";
  if (process.env.CI) throw new Error(why);
  console.log(`skipped: ${why}`);
  return false;
}

/** A container's root has no sandbox, and its /dev/shm is small. */
export function openBrowser(): Promise<Browser> {
  const args = ["--no-sandbox", "--disable-dev-shm-usage"];
  return chromium.launch({ executablePath: found!, args, timeout: PATIENCE_MS });
}

/** A page that waits as long as other tests do. */
export async function openPage(browser: Browser, options?: BrowserContextOptions): Promise<Page> {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".mjs": "text/javascript",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves the files of some folders, by the first part of a path. */
export async function serveFolders(folders: Readonly<Record<string, string>>) {
  const server = createServer(async ({ url = "/" }, response) => {
    const asked = normalize(decodeURIComponent(url.split("?")[0])).replace(/\/$/, "/index.html");
    const [, first, ...rest] = asked.split("/");
    const path = join(folders[first] ?? join(folders[""], first), ...rest);
    const bytes = await readFile(path).catch(() => null);
    response.writeHead(bytes ? 200 : 404, {
      "content-type": TYPES[extname(path)] ?? "application/octet-stream",
      // Without eval; the page's import map is inline.
      "content-security-policy": "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
    });
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}
