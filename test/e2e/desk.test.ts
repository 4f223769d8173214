/** An agent at the desk page in a real browser: sign in, pause with a reason, end the pause, sign out; and by code. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { createWeb } from "../../ui/server.ts";
import { openBrowser, type TestBrowser } from "../kit/browser.ts";
import { type Exchange, startExchange } from "../kit/exchange.ts";
import { ADMIN } from "../kit/office.ts";
import { waitFor } from "../kit/wait.ts";

let x: Exchange;
let browser: TestBrowser;
let web: Awaited<ReturnType<ReturnType<typeof createWeb>["listen"]>>;

beforeAll(async () => {
  x = await startExchange({ dynamic: true });
  const { agents, roles } = x.app.people;
  const role = (await roles.list(SYSTEM_ACTOR, { pageSize: 50 })).rows.find(({ name }) => name === "agent");
  const id = x.office.agentIds["1001"] ?? 0;
  await agents.save(SYSTEM_ACTOR, id, { ...(await agents.get(SYSTEM_ACTOR, id)), roleId: role?.id ?? null });
  web = await createWeb(x.app).listen("127.0.0.1", 0);
  browser = await openBrowser({ width: 1024 });
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await web?.stop();
  await x?.stop();
}, 30_000);

test("the buttons of the desk do what they say, and a code on the phone shows there", async () => {
  const phone = await x.phone("1001");
  const mine = () => x.app.calls.live.picture().agents.find((agent) => agent.number === "1001");
  const page = await browser.context.newPage();
  await page.goto(`http://127.0.0.1:${web.port}/sign-in`);
  await page.fill("input[name=username]", "1001");
  await page.fill("input[name=password]", ADMIN.password);
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
  await page.goto(`http://127.0.0.1:${web.port}/desk`);
  page.setDefaultTimeout(8000);
  const press = (what: string) => page.click(`form[action="/desk/${what}"] button`);

  await waitFor(() => mine()?.state === "signed-out", "the agent to be signed out");
  await press("sign-in");
  await waitFor(() => mine()?.state === "idle", "idle after signing in");
  const reason = await page.textContent("#reason option:nth-child(2)");
  await page.selectOption("#reason", { index: 1 });
  await press("pause");
  await waitFor(() => mine()?.state === "paused", "the pause");
  await page.waitForFunction(
    (text) => document.querySelector("#desk-state")?.textContent?.includes(text),
    reason ?? "",
  );
  await press("unpause");
  await waitFor(() => mine()?.state === "idle", "idle after the pause");

  await phone.dial("*47");
  await waitFor(() => mine()?.state === "paused", "the pause by code");
  await page.waitForSelector('form[action="/desk/unpause"]');
  await phone.dial("*48");
  await waitFor(() => mine()?.state === "idle", "idle by code");
  await page.waitForSelector('form[action="/desk/unpause"]', { state: "detached" });
  await press("sign-out");
  await waitFor(() => mine()?.state === "signed-out", "signed out");
  expect(mine()?.groups).toEqual([]);
}, 45_000);
