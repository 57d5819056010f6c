import type { CopyReport } from "../checkpoints/remote/head.js";
import { bytes, grouped } from "../core/digits.js";
import { tellPassedOver } from "./summary.js";

/** The help text on addresses, for push and pull. */
export const STORES = `
An address is objects:DIR (a directory, for example one that a web server serves) or s3://BUCKET/PREFIX. For the
latter, credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for stores other than Amazon's,
AWS_ENDPOINT_URL.`;

/** Reports progress every 256 MiB. */
export function progress(): (done: number) => void {
  let reported = 0;
  return (done) => {
    if (done - reported < 256 << 20) return;
    reported = done;
    process.stderr.write(`copied ${bytes(done)}\n`);
  };
}

/** Prints what was copied. */
export function tell(report: CopyReport, json: true | undefined): void {
  tellPassedOver(report.passed_over);
  const { checkpoint, examples, copied, bytes: all } = report;
  const share = copied === 0 ? "all already present" : `${bytes(copied)} copied`;
  const text = `${grouped(examples)} examples, ${bytes(all)}, ${share}\n${checkpoint}\n`;
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : text);
}
