// The one button of a page that a mail opened. The token leaves the address bar before anything
// else happens; it is sent by POST only: once to learn which deposit this is about, which changes
// nothing, and to the path that the page names when the button is pressed.

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

/** @param {string} path */
function post(path) {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
    credentials: "omit",
  });
}

// The name is only for who has the token, so it comes after the page. Without it the button still
// works, so a failure is not worth a word here.
async function nameIt() {
  const answer = await post(form.dataset.look ?? "").catch(() => null);
  if (answer?.status === 410) {
    button.hidden = true;
    return say("gone");
  }
  if (!answer?.ok) return;
  const { label, created_at, possible } = await answer.json();
  const day = new Date(created_at * 1000);
  const date = day.toLocaleDateString(document.documentElement.lang, { dateStyle: "long" });
  const about = /** @type {HTMLElement} */ (document.querySelector("#about"));
  /** @type {Record<string, string>} */
  const filled = { label, date };
  about.textContent = (form.dataset.about ?? "").replace(/\{(\w+)\}/g, (_, name) => filled[name]);
  about.hidden = false;
  if (!possible) {
    button.hidden = true;
    say("late");
  }
}

/** @param {SubmitEvent} event */
async function act(event) {
  event.preventDefault();
  button.disabled = true;
  try {
    const answer = await post(form.action);
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
  nameIt();
} else {
  say("incomplete");
}
