/**
 * Signing in: a code by mail, then a code of the authenticator app. Never a password.
 *
 * Between the two there is a bearer token, in memory only; afterwards the session is a cookie that no
 * script sees, or, where `cookie` is false, a token again. Source: PROTOCOL.md sections 10 and 14.
 */

import { withoutSpacesAndDashes } from "../platform/text.js";
import { identifier, list, text } from "./answers.js";
import { WrongCode, checked } from "./errors.js";
import { ServiceError } from "./http.js";

/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./answers.js").Document} Document */

/** Write an address as the service compares it. @param {string} address */
export function canonical(address) {
  return address.trim().normalize("NFC").toLowerCase();
}

/** Take a code as people type it; throws WrongCode("wrong_code"). @param {string} typed */
function digitsOf(typed) {
  const code = withoutSpacesAndDashes(typed);
  if (!/^[0-9]+$/.test(code)) throw new WrongCode("wrong_code");
  return code;
}

/**
 * Send a code; a wrong one is a WrongCode with the tries that are left.
 * @param {Client} client @param {string} path @param {Document} body
 */
async function enter(client, path, body) {
  try {
    return await client.post(path, body);
  } catch (error) {
    if (error instanceof ServiceError && error.details.triesLeft !== undefined) {
      throw new WrongCode("wrong_code", error.details, { cause: error });
    }
    throw error;
  }
}

/** Have a code mailed, if anybody knows the address; returns the login. @param {Client} client @param {string} address */
export async function askForCode(client, address) {
  client.bearer = null;
  const body = { address: canonical(address), locale: client.locale };
  const answer = await client.post("logins", body);
  return checked(() => identifier(answer.login));
}

/**
 * Enter the code of the mail: from now on `client` may list the deposits of every account of the
 * address. Returns those accounts. Throws WrongCode, ServiceError.
 * @param {Client} client @param {string} login @param {string} typed
 */
export async function enterMailCode(client, login, typed) {
  const answer = await enter(client, `logins/${login}/code`, { code: digitsOf(typed) });
  client.bearer = await checked(() => text(answer.token));
  return checked(() => list(answer.accounts));
}

/**
 * Enter the authenticator's code: a full session of one account, or a fresh step-up of the present
 * one. Throws WrongCode, ServiceError.
 * @param {Client} client @param {string} login @param {string} account @param {string} typed
 * @param {{ cookie?: boolean }} [options]
 */
export async function enterTotp(client, login, account, typed, { cookie = true } = {}) {
  const body = { account, code: digitsOf(typed), cookie };
  const answer = await enter(client, `logins/${login}/totp`, body);
  if (answer.token !== null) client.bearer = await checked(() => text(answer.token));
  else if (cookie) client.bearer = null;
  return answer;
}

/** Return the session that the cookie or the token stands for, null for none. @param {Client} client */
export async function present(client) {
  try {
    const { sessions } = await client.get("sessions");
    const lines = await checked(() => list(sessions));
    return lines.find((line) => line.is_current) ?? null;
  } catch (error) {
    if (error instanceof ServiceError && error.status === 401) return null;
    throw error;
  }
}

/**
 * Do what needs a fresh code of the authenticator, asking for it only when the service does.
 * @template T @param {() => Promise<T>} send @param {() => Promise<unknown>} stepUp
 */
export async function withStepUp(send, stepUp) {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== "step_up_required") throw error;
  }
  await stepUp();
  return send();
}
