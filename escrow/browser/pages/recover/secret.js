// The key, back: hidden until she asks, copied, saved; then the recovery is ended.

import * as recover from "../../client/recover.js";
import { fill, one, showIf } from "../../ui/dom.js";
import { NotUsable, complain, onSend } from "../../ui/forms.js";
import { sentence } from "../../ui/problems.js";
import { saveFile } from "../../ui/saving.js";
import { flash } from "../../ui/widgets.js";
import { say } from "../../ui/words.js";
import { client, form, state, steps } from "./state.js";

const step = form("secret");
const shown = one("pre[data-secret]", step);
const code = /** @type {HTMLCanvasElement} */ (one("canvas[data-secret]", step));

/** Show that it is back, not what it is. */
export function showSecret() {
  showIf(step, { text: asText() !== null, binary: asText() === null });
  fill(step, { key: state.deposit.label });
  hide();
  steps.go("secret");
  steps.close();
}

/** Return the secret as text, null for bytes that are none. */
function asText() {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(state.recovered?.secret ?? new Uint8Array(0));
  } catch {
    return null;
  }
}

function hide() {
  shown.textContent = "";
  shown.hidden = true;
  code.hidden = true;
  code.width = 0;
  one("[data-act=show]", step).textContent = say("show");
}

function toggle() {
  if (!shown.hidden) return hide();
  shown.textContent = asText();
  shown.hidden = false;
  one("[data-act=show]", step).textContent = say("hide");
}

/** Show it as a code, for a device on which it shall not be typed. */
async function showCode() {
  if (!code.hidden) return hide();
  const { drawCode } = await import("../../ui/code.js");
  if (!drawCode(code, asText() ?? "")) throw new NotUsable("secret.too_long");
  code.hidden = false;
}

async function copy() {
  const button = one("[data-act=copy]", step);
  try {
    await navigator.clipboard.writeText(asText() ?? "");
    flash(button, say("copied"));
  } catch {
    if (shown.hidden) toggle();
    getSelection()?.selectAllChildren(shown);
    flash(button, say("selected"));
  }
}

/** Hand the exact bytes to the browser as a file, without a line's end of ours. */
function save() {
  saveFile("key-back.txt", new Uint8Array(state.recovered?.secret ?? []), "application/octet-stream");
  flash(one("[data-act=save]", step), say("saved"));
}

/** She has it: the service is told, with the signature that only who has combined can make. */
async function end() {
  const { recovered, target, running } = state;
  if (recovered === null || target === null) return;
  await recover.complete(client, target, running.recovery, recovered.ownerKey);
  hide();
  recovered.wipe();
  state.recovered = null;
  steps.go("done");
  steps.close();
  const { offerApp } = await import("./app.js");
  offerApp();
}

const acts = { show: toggle, copy, save, code: showCode };
for (const [name, act] of Object.entries(acts)) {
  one(`[data-act="${name}"]`, step).addEventListener("click", async () => {
    complain(step, "");
    try {
      await act();
    } catch (error) {
      complain(step, error instanceof NotUsable ? say(error.word) : sentence(error));
    }
  });
}
onSend(step, end, "end");
