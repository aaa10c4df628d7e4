/** Bytes of `HTTP/1.1 ` in front of the three digits of a status. */
const STATUS_AT = 9;
const [ZERO, ONE, TWO, LF, CR] = [0x30, 0x31, 0x32, 0x0a, 0x0d];

/**
 * Makes each `100 Continue` in front of a response a `102 Processing`, in what is read from a server.
 *
 * A server may send a 100 unasked, and a client has to pass over it (RFC 9110 §15.2). The gateway asks for none,
 * as it has the body when it sends the head; undici ends the connection at one, and passes over every other informational response.
 */
export class ContinueFilter {
  #state: 'status' | 'fields' | 'over' = 'over';
  /** Bytes seen of the status line. */
  #at = 0;
  /** The second digit of the status is 0. */
  #isX0 = false;
  #isEmptyLine = false;

  /** Begins a response. */
  begin(): void {
    this.#state = 'status';
    this.#at = 0;
  }

  /** Changes a 100 in bytes of a response, where they are. */
  pass(chunk: Uint8Array): void {
    if (this.#state === 'over') return;
    // nearly every response
    if (this.#at === 0 && chunk.length > STATUS_AT && chunk[STATUS_AT] !== ONE && this.#state === 'status') {
      this.#state = 'over';
      return;
    }
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#state === 'fields') this.#passField(byte);
      else if (this.#endsWith100(byte)) chunk[at] = TWO;
      if (this.#isOver()) return;
    }
  }

  // read again after a call, which may have changed it
  #isOver(): boolean {
    return this.#state === 'over';
  }

  /** Takes one byte of a status line. @returns whether it is the last digit of a 100 */
  #endsWith100(byte: number): boolean {
    const digit = this.#at - STATUS_AT;
    this.#at += 1;
    if (digit < 0) return false;
    if (digit === 0) {
      if (byte !== ONE) this.#state = 'over';
    } else if (digit === 1) this.#isX0 = byte === ZERO;
    else {
      // 101 is the last response, with bytes of another protocol behind it
      this.#state = this.#isX0 && byte === ONE ? 'over' : 'fields';
      this.#isEmptyLine = false;
      return this.#isX0 && byte === ZERO;
    }
    return false;
  }

  /** Takes one byte behind the status of an informational response, up to the next response. */
  #passField(byte: number): void {
    if (byte === CR) return;
    if (byte !== LF) this.#isEmptyLine = false;
    else if (this.#isEmptyLine) this.begin();
    else this.#isEmptyLine = true;
  }
}
