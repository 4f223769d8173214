/**
 * Two temporary extensions for the doctor's test call. Their numbers are free ones, their secrets random; they are
 * removed after the call, and at the next start should the exchange have been killed in between.
 */
import type { App } from "../app.ts";
import { SYSTEM_ACTOR } from "../kernel.ts";

export interface TestExtension {
  readonly number: string;
  readonly secret: string;
}

const NAME = "zongji-doctor";

export function testExtensions(app: Pick<App, "people">) {
  const { extensions } = app.people;
  const ours = async () => {
    const { rows } = await extensions.list(SYSTEM_ACTOR, { search: NAME, pageSize: 100 });
    return rows.filter((row) => row.name === NAME).map((row) => row.id);
  };
  return {
    async remove(): Promise<void> {
      const ids = await ours();
      if (ids.length > 0) await extensions.remove(SYSTEM_ACTOR, ids);
    },
    /** Adds the two (removing older ones first). */
    async add(): Promise<{ realm: string; phones: TestExtension[] }> {
      await this.remove();
      const phones: TestExtension[] = [];
      for (let number = 99_801; phones.length < 2 && number < 99_900; number++) {
        const { rows } = await extensions.list(SYSTEM_ACTOR, { search: String(number) });
        if (rows.some((row) => row.number === String(number))) continue;
        const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64url");
        await extensions.save(SYSTEM_ACTOR, undefined, {
          number: String(number),
          name: NAME,
          enabled: true,
          allowRemote: false,
          dnd: false,
          displayedNumberId: null,
          secret,
        });
        phones.push({ number: String(number), secret });
      }
      return { realm: app.people.directory.realm, phones };
    },
  };
}
