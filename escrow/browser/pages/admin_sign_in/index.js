// Sign in as an admin: one press, one passkey. Then the session is a cookie that no script sees.

import { askPasskey } from "../../ui/adminkeys.js";
import { Api } from "../../ui/api.js";
import { one } from "../../ui/dom.js";
import { onSend } from "../../ui/forms.js";

const NEXT = /^\/admin(\/(custody|losses|support|recoveries|approvals|mail|you|people|service|backup|approvals\/[0-9a-f]{32}|deposits\/[0-9a-f]{32}))?$/;
const api = new Api();

async function signIn() {
  const answer = await askPasskey(await api.post("admin/challenges"));
  await api.post("admin/sessions", answer);
  const next = new URLSearchParams(location.search).get("next") ?? "";
  location.replace(NEXT.test(next) ? next : "/admin");
}

onSend(/** @type {HTMLFormElement} */ (one("[data-step=passkey]")), signIn, "passkey");
