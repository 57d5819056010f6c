import { HashbrookError } from "../core/errors.js";
import { type Named, type ServeFlags, tokensOf } from "./serve-options.js";

/** @throws HashbrookError usage if a policy needs what the model does not have */
export function checkExploring({ explore, workers = 0, precision, follow = [] }: ServeFlags): void {
  if (explore?.prior === undefined || (workers === 0 && !precision && follow.length === 0)) return;
  throw new HashbrookError("usage", `--explore ${explore.text}: requires the FTRL state of the model's weights`, {
    hint: "use --checkpoint with --workers 0 and without --precision; or explore with epsilon-greedy:E or softmax:T",
  });
}

/** @throws HashbrookError usage for what rows on disk cannot be combined with */
export function checkRowStore({ rowStore, rowCache, cacheBytes, workers = 0, dims, explore }: ServeFlags): void {
  if (rowStore === undefined) {
    const only = cacheBytes !== undefined ? "--cache-bytes" : rowCache !== undefined ? "--row-cache" : null;
    if (only !== null) throw new HashbrookError("usage", `${only}: requires --row-store`);
    return;
  }
  const other =
    workers > 0 ? "--workers" : dims ? "--dims" : explore?.prior !== undefined ? "--explore thompson" : null;
  if (other === null) return;
  throw new HashbrookError("usage", `--row-store: cannot be combined with ${other}`, {
    hint: "remove it (rows on disk have full length and no optimizer state, and are read by one thread); to scale, run more servers, each with its own directory",
  });
}

/** The tokens for model control; undefined: there is none. @throws HashbrookError usage */
export function adminTokensOf({ adminPort, adminTokenFile }: ServeFlags): string[] | undefined {
  const tokens = tokensOf(adminTokenFile, "HASHBROOK_ADMIN_TOKEN");
  if (adminPort === undefined) {
    if (adminTokenFile === undefined) return undefined;
    throw new HashbrookError("usage", "--admin-token-file: requires --admin-port");
  }
  if (tokens) return tokens;
  throw new HashbrookError("usage", "--admin-port: requires --admin-token-file (or HASHBROOK_ADMIN_TOKEN)", {
    hint: "create a token: openssl rand -hex 32 > admin.token",
  });
}

/** @throws HashbrookError usage if the flags do not define what is served under which name */
export function checkModels({ checkpoint = [], follow = [], name, maxStaleness, dims }: ServeFlags): void {
  const all = [...checkpoint, ...follow];
  if (all.length === 0) throw new HashbrookError("usage", "serve: give --checkpoint or --follow");
  if (maxStaleness !== undefined && follow.length === 0)
    throw new HashbrookError("usage", "serve: --max-staleness requires --follow");
  if (dims !== undefined && follow.length > 0)
    throw new HashbrookError("usage", "serve: --dims requires --checkpoint, not --follow", {
      hint: "remove --dims: trainers publish full vectors",
    });
  checkNames(all, name);
}

function checkNames(all: readonly Named[], only: string | undefined): void {
  const names = all.map(({ name }) => name);
  if (all.length === 1) {
    if (only === undefined || names[0] === undefined) return;
    throw new HashbrookError("usage", `--name ${only}: the model is already named ${names[0]}`);
  }
  if (only !== undefined)
    throw new HashbrookError("usage", "--name: several models are given; write NAME=… before each");
  const unnamed = all.find(({ name }) => name === undefined);
  if (unnamed) {
    throw new HashbrookError("usage", `serve: ${unnamed.source}: each of several models requires a name`, {
      hint: `write NAME=${unnamed.source}`,
    });
  }
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new HashbrookError("usage", `serve: two models are named ${twice}`);
}
