import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Server } from "node:https";
import { createSecureContext } from "node:tls";
import { wallTime } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { hintOf } from "../../core/system-errors.js";

/** The PEM files of `--tls-cert` and `--tls-key`. */
interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** Their texts. */
type Pair = { readonly [file in keyof CertificateFiles]: Buffer };

export interface CertificateOptions {
  /** Called with what an operator should know: it was renewed, has expired, or its new files cannot be used. */
  readonly tell: (text: string) => void;
  /** How often to look for a renewed one, in ms. Default 10,000. */
  readonly lookMs?: number;
}

const LOOK_MS = 10_000;
/** Looks that may fail before that is told. */
const PATIENCE = 2;

/**
 * The certificate of HTTPS servers, and its key. Both files are read again while there are servers: a renewed
 * certificate is used for new connections, without a restart.
 */
export class Certificate {
  private readonly files: CertificateFiles;
  private readonly options: CertificateOptions;
  private readonly servers = new Set<Server>();
  private pair: Pair;
  /** Looks in a row that found files which cannot be used: at the first, only one of both may have been replaced. */
  private failures = 0;
  /** The certificate that is known to have expired. */
  private expired: Buffer | null = null;
  private timer: NodeJS.Timeout | undefined;

  private constructor(files: CertificateFiles, pair: Pair, options: CertificateOptions) {
    this.files = files;
    this.pair = pair;
    this.options = options;
    this.tellExpired();
  }

  /** @throws HashbrookError usage if a file cannot be read or is not a certificate or its key */
  static read(files: CertificateFiles, options: CertificateOptions): Certificate {
    const pair = { cert: pem(files.cert, "--tls-cert"), key: pem(files.key, "--tls-key") };
    try {
      createSecureContext(pair);
    } catch (cause) {
      throw new HashbrookError("usage", `${namesOf(files)}: ${(cause as Error).message}`, {
        hint: "a certificate and its own private key, without a passphrase, both as PEM texts",
        cause,
      });
    }
    return new Certificate(files, pair, options);
  }

  get cert(): Buffer {
    return this.pair.cert;
  }

  get key(): Buffer {
    return this.pair.key;
  }

  /** When it expires, in ms since 1970. */
  get expires(): number {
    return Date.parse(this.validTo);
  }

  private get validTo(): string {
    return new X509Certificate(this.pair.cert).validTo;
  }

  /** Keeps a server's certificate up to date until it is closed. */
  use(server: Server): void {
    this.servers.add(server);
    this.timer ??= setInterval(() => void this.look(), this.options.lookMs ?? LOOK_MS).unref();
    server.once("close", () => {
      this.servers.delete(server);
      if (this.servers.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    });
  }

  /** Reads the files, and takes over what has changed. */
  private async look(): Promise<void> {
    try {
      const [cert, key] = await Promise.all([readFile(this.files.cert), readFile(this.files.key)]);
      if (!cert.equals(this.pair.cert) || !key.equals(this.pair.key)) this.take({ cert, key });
      this.failures = 0;
    } catch (error) {
      const { message } = error as Error;
      if (++this.failures === PATIENCE)
        this.options.tell(`${namesOf(this.files)}: ${message}; the certificate read before remains in use`);
    }
    this.tellExpired();
  }

  private take(pair: Pair): void {
    createSecureContext(pair);
    this.pair = pair;
    for (const server of this.servers) server.setSecureContext(pair);
    this.options.tell(`${this.files.cert}: renewed, valid until ${this.validTo}`);
  }

  private tellExpired(): void {
    const { cert } = this.pair;
    if (this.expires > wallTime() || this.expired?.equals(cert)) return;
    this.expired = cert;
    this.options.tell(
      `${this.files.cert}: expired on ${this.validTo}: clients refuse it; renew the file, which is read again`,
    );
  }
}

const namesOf = ({ cert, key }: CertificateFiles) => `--tls-cert ${cert}, --tls-key ${key}`;

function pem(file: string, flag: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const { message } = cause as Error;
    throw new HashbrookError("usage", `${flag} ${file}: cannot be read: ${message}`, { hint: hintOf(cause), cause });
  }
}
