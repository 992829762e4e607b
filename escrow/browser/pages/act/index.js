// The one button of a page that a mail opened. The token leaves the address bar before anything
// else happens; it is sent once, by POST, to the path that the page names.

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const form = /** @type {HTMLFormElement} */ (document.querySelector("form"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
const said = /** @type {HTMLElement} */ (document.querySelector("[role=status]"));
/** @type {Record<number, string>} */
const ANSWERS = { 404: "gone", 410: "gone", 409: "late", 429: "busy" };

/** @param {string} name */
function say(name) {
  said.textContent = form.dataset[name] ?? "";
  said.dataset.kind = name;
  said.focus();
}

/** @param {SubmitEvent} event */
async function act(event) {
  event.preventDefault();
  button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
      credentials: "omit",
    });
    say(answer.ok ? "done" : (ANSWERS[answer.status] ?? "failed"));
    button.hidden = answer.ok;
  } catch {
    say("failed");
  }
  button.disabled = false;
}

if (/^[A-Za-z0-9_-]{43}$/.test(token)) {
  button.hidden = false;
  form.addEventListener("submit", act);
} else {
  say("incomplete");
}
