// Dates and lengths of time in the page's language and a 24-hour clock, in the visitor's time zone, or
// in the one that the page names: where the service has written times too, all must be of one clock.

import { language } from "./words.js";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

/** English dates are written with the day first, as in our mails. */
function locale() {
  return language() === "nl" ? "nl-NL" : "en-GB";
}

/**
 * @param {number} seconds Unix time
 * @param {Intl.DateTimeFormatOptions} options
 */
function written(seconds, options) {
  const timeZone = document.documentElement.dataset.zone;
  return new Intl.DateTimeFormat(locale(), { ...options, timeZone }).format(new Date(seconds * 1000));
}

/** @param {number} seconds Unix time, written like “26 November 2026” */
export function date(seconds) {
  return written(seconds, { day: "numeric", month: "long", year: "numeric" });
}

/** @param {number} seconds Unix time, written like “Thursday 26 November, 14:10” */
export function dateTime(seconds) {
  const day = written(seconds, { weekday: "long", day: "numeric", month: "long" });
  return `${day}, ${written(seconds, { hour: "2-digit", minute: "2-digit", hour12: false })}`;
}

/** @param {number} seconds a length of time, rounded up: “12 minutes”, “3 hours”, “14 days” */
export function duration(seconds) {
  const [size, unit] =
    seconds >= 2 * DAY ? [DAY, "day"] : seconds >= 2 * HOUR ? [HOUR, "hour"] : [MINUTE, "minute"];
  const n = Math.max(1, Math.ceil(seconds / Number(size)));
  const options = { style: "unit", unit: String(unit), unitDisplay: "long" };
  return new Intl.NumberFormat(locale(), /** @type {Intl.NumberFormatOptions} */ (options)).format(n);
}

/** The time now in Unix seconds, as this device has it. */
export function now() {
  return Math.floor(Date.now() / 1000);
}
