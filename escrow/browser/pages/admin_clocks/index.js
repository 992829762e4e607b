// Keep true what a page says is left: the text alone changes, once a minute, in a place that is wide
// enough for every text, so that nothing moves.

import { duration, now } from "../../ui/dates.js";
import { all } from "../../ui/dom.js";

const MINUTE_MILLISECONDS = 60_000;

function tell() {
  for (const place of all("[data-until]")) {
    place.textContent = duration(Number(place.dataset.until) - now());
  }
}

setInterval(tell, MINUTE_MILLISECONDS);
