import { Command } from "commander";
import type { GateFile } from "../checkpoints/gate-file.js";
import { grouped } from "../core/digits.js";
import { HashbrookError } from "../core/errors.js";
import { breachText } from "../gate/gate.js";
import { publishStatus, resumePublishing, rollBack } from "../train/publishing/operator.js";

interface Flags {
  status?: true;
  resume?: true;
  rollback?: true;
  json?: true;
}

export function publishCommand(): Command {
  return new Command("publish")
    .argument("<dir>", "a run's directory")
    .option("--status", "show whether learned changes are published and, if not, why (the default)")
    .option("--resume", "accept what was learned: it is published now, or when the trainer is started")
    .option("--rollback", "return to the last good checkpoint; the trainer must be stopped")
    .option("--json", "print one JSON object")
    .action(run);
}

function run(directory: string, { status, resume, rollback, json }: Flags): void {
  if ([status, resume, rollback].filter(Boolean).length > 1)
    throw new HashbrookError("usage", "--status, --resume, --rollback: give only one of them");
  const say = (result: object, lines: readonly string[]) =>
    void process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${lines.join("\n")}\n`);
  if (rollback) {
    const done = rollBack(directory);
    const away = done.moved.length > 0 ? `; moved to rolled-back/: ${done.moved.join(", ")}` : "";
    say(done, [`rolled back to ${done.checkpoint}, ${grouped(done.examples)} examples${away}`]);
  } else if (resume) {
    const state = resumePublishing(directory);
    const accepted = "accepted: the trainer publishes a snapshot within a second, or once it is started";
    say(state, [accepted, ...gateLines(state)]);
  } else {
    const state = publishStatus(directory);
    say(state, gateLines(state));
  }
}

/** The state of publication. */
function gateLines({ action, hold, recovered, good }: GateFile): string[] {
  const last = `  last good checkpoint: ${good ?? "none yet"}`;
  if (!hold) return ["not held: learned changes are published", last];
  const { number, since, breaches } = hold;
  return [
    `held since example ${grouped(since)} (hold ${number}, action ${action})`,
    ...breaches.map((breach) => `  ${breachText(breach)}`),
    `  windows within bounds since: ${recovered}`,
    last,
  ];
}
