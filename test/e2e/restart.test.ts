/** A stop in good order is no failure: nothing of it is left for the next run to explain. */
import { expect, test } from "bun:test";
import { compose } from "../../appliance/compose.ts";
import { Place } from "../kit/exchange.ts";

test("a stop and a new start leave no alarm open", async () => {
  const place = await Place.make();
  try {
    for (let run = 0; run < 2; run++) {
      const app = await compose(place.config, { log: () => {} });
      expect(app.system.alarms.open()).toEqual([]);
      await app.stop();
    }
    expect(place.db.query("SELECT code, subject FROM alarm").all()).toEqual([]);
  } finally {
    await place.closePlace();
  }
}, 60_000);
