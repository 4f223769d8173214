/** A command that must return something came for a leg that has ended or never was. */
export class LegGoneError extends Error {
  readonly code = "leg-gone";

  constructor(readonly leg: string) {
    super(`Leg ${leg} is not there (any more)`);
    this.name = "LegGoneError";
  }
}
