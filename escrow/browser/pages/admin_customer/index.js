// One customer, as support sees her: its only act is sending the instructions again.

import { confirmed, onPress } from "../../ui/adminacts.js";
import { Api } from "../../ui/api.js";
import { fill, one } from "../../ui/dom.js";
import { say } from "../../ui/words.js";

const api = new Api();
const button = one("[data-again-to]");

onPress(button, async () => {
  await confirmed(api, () => api.post(`admin/support/${button.dataset.againTo}/instructions`));
  fill(document, { resent: say("support.resent") });
});
