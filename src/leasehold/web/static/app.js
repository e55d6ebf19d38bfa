"use strict";
// What a page does by itself: says times in the viewer's zone, follows the live ticks, counts selected rows.
// Everything else is done by the server; without this script every page and every action still works.
(() => {
  const body = document.body;
  const skew = Number(body.dataset.now) - Date.now(); // times are told by the server's clock, not by the viewer's
  const now = () => Date.now() + skew;
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat("sv-SE"); // 2026-11-02

  // ------------------------------------------------------------------------------------------------ times
  const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

  function two(ms, large, largeName, small, smallName) {
    const whole = Math.floor(ms / large), rest = Math.floor((ms % large) / small);
    return [whole && `${whole} ${largeName}`, rest && `${rest} ${smallName}`].filter(Boolean).join(" ");
  }
  function duration(ms) {
    if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
    if (ms < HOUR) return two(ms, MINUTE, "min", SECOND, "s");
    return ms < DAY ? two(ms, HOUR, "h", MINUTE, "min") : two(ms, DAY, "d", HOUR, "h");
  }
  function age(at) {
    const gap = at - now();
    if (Math.abs(gap) < SECOND) return "now";
    return gap > 0 ? `in ${duration(gap)}` : `${duration(-gap)} ago`;
  }
  function say(time) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) return;
    const near = Math.abs(at - now()) < DAY / 2;
    const text = time.dataset.say === "clock"
      ? (near ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`)
      : age(at);
    if (time.textContent !== text) time.textContent = text;
    const title = `${zone.format(at)} (${time.dateTime.replace("T", " ").replace("Z", " UTC")})`;
    if (time.title !== title) time.title = title;
  }
  function sayHour(mark) { // of the axis of a chart
    const text = hour.format(Date.parse(mark.dataset.hour));
    if (mark.textContent !== text) mark.textContent = text;
  }
  function sayAll(within) {
    within.querySelectorAll("time[datetime]").forEach(say);
    within.querySelectorAll("[data-hour]").forEach(sayHour);
    within.querySelectorAll("[data-zone]").forEach((place) => { place.textContent = zone.resolvedOptions().timeZone; });
  }

  // ------------------------------------------------------------------------------------------------ selection
  const picked = () => document.querySelectorAll("input[name=id]:checked").length;

  function count() {
    const chosen = picked();
    document.querySelectorAll("[data-chosen]").forEach((place) => {
      place.textContent = chosen === 1 ? "1 task selected" : `${chosen} tasks selected`;
    });
    document.querySelectorAll("[data-needs-chosen]").forEach((button) => { button.disabled = chosen === 0; });
    const all = document.querySelector("[data-pick-all]");
    if (all) {
      const rows = document.querySelectorAll("input[name=id]").length;
      all.checked = rows > 0 && chosen === rows;
      all.indeterminate = chosen > 0 && chosen < rows;
    }
    show();
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-all]")) {
      document.querySelectorAll("input[name=id]").forEach((box) => { box.checked = event.target.checked; });
    }
    if (event.target.matches("[data-pick-all], input[name=id]")) count();
  });

  // ------------------------------------------------------------------------------------------------ live
  const button = document.querySelector("[data-live]");
  const dot = button && button.querySelector(".dot");
  const banner = document.getElementById("banner");
  const numbers = new Intl.NumberFormat("en");
  let source = null, told = false, version = null, seen = null, refreshed = 0, due = false, again = null, left = false;
  let counted = null; // what the newest tick told, by state
  let stopped = sessionStorage.getItem("live") === "off";

  const written = (fields) => // whether somebody has written into any of them
    Array.from(document.querySelectorAll(fields)).some((field) => field.value !== field.defaultValue);
  const typing = () => document.querySelector("[data-refresh] input[type=text]:focus, [data-refresh] textarea:focus") ||
    written("[data-refresh] input[type=text]");
  const held = () => stopped || picked() > 0 || document.hidden || typing();
  function show(lost) {
    if (!button) return;
    if (lost !== undefined) button.dataset.lost = lost ? "yes" : "";
    const words = button.dataset.lost ? "Not connected" : stopped ? "Paused" : picked() ? "Paused: rows are selected" : "Live";
    button.querySelector("[data-word]").textContent = words;
    button.setAttribute("aria-pressed", String(!stopped));
    dot.className = `dot ${button.dataset.lost ? "lost" : words === "Live" && told ? "live" : ""}`;
  }
  function tell(words) {
    if (!banner) return;
    const place = banner.querySelector("p");
    if (place.textContent !== words) place.textContent = words;
    banner.hidden = !words;
  }
  function refresh() {
    due = false;
    refreshed = Date.now();
    document.querySelectorAll("[data-refresh]").forEach((part) => htmx.trigger(part, "refresh"));
  }
  function fill() {
    if (!counted) return;
    document.querySelectorAll("[data-count]").forEach((place) => {
      const sum = place.dataset.count.split(",").reduce((all, state) => all + (counted[state] || 0), 0);
      const text = numbers.format(sum);
      if (place.textContent !== text) place.textContent = text;
    });
  }
  function ticked(event) {
    const tick = JSON.parse(event.data);
    told = true;
    show(Boolean(tick.away));
    tell(tick.away || "");
    if (tick.away) { seen = null; return; }
    if (body.dataset.retry !== undefined) { location.reload(); return; } // this page told of what is back now
    if (held()) return;
    counted = tick.counts;
    fill();
    const gap = Date.now() - refreshed;
    if (tick.version !== seen) { due = seen !== null || version !== null; seen = tick.version; }
    version = tick.version;
    if ((due && gap >= tick.rest) || gap >= Math.max(tick.rest, 10000)) refresh();
  }
  function open() {
    clearTimeout(again);
    if (source || document.hidden || !button || left) return;
    source = new EventSource(button.dataset.live);
    source.addEventListener("tick", ticked);
    source.addEventListener("over", () => { close(); leave(); });
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) ask();
      close();
      show(true);
      tell("The dashboard does not answer. It is asked again every few seconds; this page shows what was last known.");
      again = setTimeout(open, 3000);
    };
  }
  function ask() { // an answer that is no stream: perhaps the session has ended, and this page would lead to log in
    fetch(location.href, { redirect: "manual", headers: { accept: "text/html" } })
      .then((answer) => { if (answer.type === "opaqueredirect") leave(); })
      .catch(() => {});
  }
  function leave() { // the session has ended: this page leads to log in, unless loading it again would change something
    // again, or lose what somebody has written
    if (body.dataset.posted === undefined && !written("main textarea, main input[type=text]")) { location.reload(); return; }
    left = true;
    clearTimeout(again);
    close();
    show(true);
    tell("Your session has ended. This page shows what was last known; to go on, log in again.");
  }
  function close() {
    if (source) source.close();
    source = null;
    told = false;
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", () => { // also on the way back: the browser ticks again what was ticked
    pressed.forEach((one) => { one.disabled = false; });
    pressed.clear();
    count();
    open();
  });
  if (button) {
    button.addEventListener("click", () => {
      stopped = !stopped;
      sessionStorage.setItem("live", stopped ? "off" : "on");
      show();
      if (!stopped) due = true;
    });
  }
  const pressed = new Set();
  document.addEventListener("click", (event) => { // what stands there after the first half of a double click was not meant
    if (event.detail > 1 && event.target.closest("form[method=post] button")) event.preventDefault();
  });
  document.addEventListener("submit", (event) => { // one press, one action
    if (event.target.method === "post" && event.submitter) {
      pressed.add(event.submitter);
      setTimeout(() => pressed.forEach((one) => { one.disabled = true; }), 0);
    }
  });

  // ------------------------------------------------------------------------------------------------ begin
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => // what the reader has opened stays open
    !(name === "open" && node.tagName === "DETAILS");
  document.addEventListener("htmx:beforeSwap", (event) => { // asked before somebody selected or wrote: he would lose it
    if (held()) { event.detail.shouldSwap = false; due = true; }
  });
  document.addEventListener("htmx:afterSwap", fill); // what comes late is older than the newest tick, perhaps the last
  document.addEventListener("htmx:afterSettle", (event) => { sayAll(event.target); count(); });
  sayAll(document);
  setInterval(() => { if (!document.hidden) sayAll(document); }, 1000);
  refreshed = Date.now();
  count();
  open();
})();
