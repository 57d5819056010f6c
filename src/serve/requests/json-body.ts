import { RequestCursor } from "../../decode/request.js";
import type { ScoringModel } from "../scoring-model.js";
import { namesOf } from "./request.js";
import type { RequestBody } from "./request-body.js";
import { WholeRequest } from "./whole-request.js";

/** Requests with more candidates are refused. */
export const MAX_CANDIDATES = 10_000;

/** A JSON body: context and candidates. */
export class JsonBody implements RequestBody {
  private readonly body: Uint8Array;
  private cursor: RequestCursor;
  /** Set if the body is unusual. */
  private whole: WholeRequest | null = null;
  private rowsRead = 0;

  constructor(body: Uint8Array) {
    this.body = body;
    this.cursor = new RequestCursor(body);
  }

  get ended(): boolean {
    return this.whole ? this.rowsRead === this.whole.candidates : this.cursor.ended;
  }

  get rest(): number {
    return this.whole ? this.body.length : this.cursor.rest;
  }

  read({ requests, known }: ScoringModel, row: number, most: number): number {
    const rows = this.whole ? undefined : requests.read(this.cursor, row, most);
    if (rows === undefined || this.cursor.candidates > MAX_CANDIDATES) {
      if (!this.whole) this.begin();
      this.whole ??= new WholeRequest(this.body, known, MAX_CANDIDATES);
    }
    const read = this.whole ? this.whole.read(requests, this.rowsRead, row, most) : rows!;
    this.rowsRead += read;
    return read;
  }

  begin(): void {
    this.cursor = new RequestCursor(this.body);
    this.rowsRead = 0;
  }

  ignored({ known }: ScoringModel): readonly string[] {
    const { whole, cursor, body } = this;
    if (whole) return whole.ignored;
    if (cursor.unlisted) return new WholeRequest(body, known, MAX_CANDIDATES).ignored;
    return cursor.unknown.size > 0 ? namesOf(cursor.unknown) : [];
  }

  get options(): Uint8Array | undefined {
    return this.whole ? this.whole.options : this.cursor.options;
  }
}
