/** Reports on standard error what goes wrong while a command goes on. */
export const warn = (text: string): void => void process.stderr.write(`hashbrook: ${text}\n`);
