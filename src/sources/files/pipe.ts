import { createReadStream, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { isatty, ReadStream } from "node:tty";
import { HashbrookError } from "../../core/errors.js";
import { systemFailure } from "../failure.js";
import { ChunkReader, type Reader } from "../reader.js";

/**
 * Standard input or a named pipe. The event loop watches the pipe (as a socket), because a blocking read would keep the
 * process from exiting while the other side is silent.
 */
class PipeReader implements Reader {
  private readonly name: string;
  private readonly chunks: ChunkReader;
  consumed = 0;

  constructor(name: string, stream: Readable) {
    this.name = name;
    this.chunks = new ChunkReader(stream);
  }

  async read(target: Uint8Array): Promise<number> {
    try {
      const count = await this.chunks.read(target);
      this.consumed += count;
      return count;
    } catch (cause) {
      throw systemFailure(this.name, cause);
    }
  }

  close(): void {
    this.chunks.close();
  }
}

function streamOf(fd: number): Readable {
  const stat = fstatSync(fd);
  if (stat.isFIFO() || stat.isSocket()) return new Socket({ fd, readable: true, writable: false });
  return isatty(fd) ? new ReadStream(fd) : createReadStream("", { fd });
}

/** Opens standard input (`path` null) or a named pipe or device. It cannot be read again, so `offset` must be 0. */
export async function openPipe(name: string, path: string | null, offset: number): Promise<Reader> {
  if (offset > 0) {
    throw new HashbrookError("source_unreadable", `${name}: a pipe cannot be read from byte ${offset}, only from 0`, {
      hint: "give the data as files, which can be read from any position; or start without --resume",
    });
  }
  try {
    return new PipeReader(name, streamOf(path === null ? 0 : openSync(path, "r")));
  } catch (cause) {
    throw systemFailure(name, cause);
  }
}
