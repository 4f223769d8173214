// Live pages: running times, and a watchdog that notices a line on which nothing arrives any more.
(() => {
  const SILENCE_MS = 15_000;
  let last = Date.now();
  const two = (n) => String(n).padStart(2, "0");
  const span = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    return s < 3600
      ? `${Math.floor(s / 60)}:${two(s % 60)}`
      : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  };
  // The exchange's clock may differ from this computer's; the heartbeat tells it.
  let skew = 0;
  const tick = () => {
    for (const element of document.querySelectorAll("[data-since]"))
      element.textContent = span(Date.now() + skew - Number(element.dataset.since));
    const stale = Date.now() - last > SILENCE_MS;
    const notice = document.getElementById("live-stale");
    if (notice) notice.hidden = !stale;
    // htmx does not try again when its first connection fails, nor notices a half-open line: load the page anew.
    if (
      Date.now() - last > SILENCE_MS * 2 &&
      navigator.onLine &&
      !document.querySelector("audio:not([data-idle])")
    ) {
      last = Date.now();
      fetch(location.href, { method: "HEAD" }).then(
        (answer) => answer.ok && location.reload(),
        () => {},
      );
    }
  };
  document.addEventListener("heartbeat", (event) => {
    last = Date.now();
    const at = Number(event.detail?.data);
    if (at > 0) skew = at - Date.now();
  });
  document.addEventListener("htmx:sse:after:message", () => {
    last = Date.now();
    tick();
  });
  document.addEventListener("signed-out", () => location.assign("/sign-in"));
  document.addEventListener("DOMContentLoaded", () => {
    if (!document.getElementById("live")) return;
    tick();
    setInterval(tick, 1000);
  });
})();
