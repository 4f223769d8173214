/** Office time: a UTC instant as the wall clock of the office's time zone shows it. */
export interface OfficeTime {
  /** "YYYY-MM-DD". */
  readonly date: string;
  /** "HH:MM:SS". */
  readonly time: string;
  /** 1 = Monday … 7 = Sunday. */
  readonly day: number;
  /** Minutes since midnight. */
  readonly minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(timeZone: string): Intl.DateTimeFormat {
  let found = formats.get(timeZone);
  if (!found) {
    found = new Intl.DateTimeFormat("en-CA", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    formats.set(timeZone, found);
  }
  return found;
}

/** The wall clock of `timeZone` (IANA name) at `at` (UTC ms). */
export function officeTime(at: number, timeZone: string): OfficeTime {
  const part: Record<string, string> = {};
  for (const { type, value } of format(timeZone).formatToParts(at)) part[type] = value;
  const date = `${part.year}-${part.month}-${part.day}`;
  const time = `${part.hour}:${part.minute}:${part.second}`;
  const weekday = new Date(`${date}T00:00:00Z`).getUTCDay();
  return {
    date,
    time,
    day: weekday === 0 ? 7 : weekday,
    minute: Number(part.hour) * 60 + Number(part.minute),
  };
}

let last = { minute: Number.NaN, timeZone: "", start: 0 };

/** UTC ms of the last midnight in the office (first instant of its date; correct across clock changes). */
export function officeDayStart(at: number, timeZone: string): number {
  // Asked for each agent at each call: days begin at whole minutes everywhere, so within one the answer is the same.
  const minute = Math.floor(at / 60_000);
  if (minute !== last.minute || timeZone !== last.timeZone) {
    last = { minute, timeZone, start: findDayStart(at, timeZone) };
  }
  return last.start;
}

function findDayStart(at: number, timeZone: string): number {
  const { date, time } = officeTime(at, timeZone);
  const [h = 0, m = 0, s = 0] = time.split(":").map(Number);
  const guess = at - ((h * 60 + m) * 60 + s) * 1000 - (at % 1000);
  // On the day of a clock change the guess is off by the change: step to the right side of midnight.
  for (const candidate of [
    guess,
    guess + 3_600_000,
    guess - 3_600_000,
    guess + 1_800_000,
    guess - 1_800_000,
  ]) {
    if (officeTime(candidate, timeZone).date === date && officeTime(candidate - 1, timeZone).date !== date)
      return candidate;
  }
  return guess;
}
