/** New calls in any one second. */
export class CallRate {
  /** Times of the calls of the last second, UTC ms, rising. */
  #times: number[] = [];

  /** Whether one more call may start now; `limit` 0 = no limit. */
  room(limit: number, now: number): boolean {
    this.#times = this.#times.filter((at) => at > now - 1000 && at <= now);
    return limit <= 0 || this.#times.length < limit;
  }

  count(now: number): void {
    this.#times.push(now);
  }
}
