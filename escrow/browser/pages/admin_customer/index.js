// One customer, as support sees her: instructions once more; and what is kept, for who may hand it out.

import { confirmed, onPress } from "../../ui/adminacts.js";
import { Api } from "../../ui/api.js";
import { all, fill } from "../../ui/dom.js";
import { saveReport } from "../../ui/saving.js";
import { say } from "../../ui/words.js";

const api = new Api();

for (const button of all("[data-again-to]")) {
  onPress(button, async () => {
    await confirmed(api, () => api.post(`admin/support/${button.dataset.againTo}/instructions`));
    fill(document, { resent: say("support.resent") });
  });
}

for (const button of all("[data-data-of]")) {
  onPress(button, async () => {
    const { data } = await confirmed(api, () => api.post(`admin/support/${button.dataset.dataOf}/data`));
    saveReport(data, "kept-data.json");
    fill(document, { saved: say("saved") });
  });
}
