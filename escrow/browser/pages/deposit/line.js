// The line by which this page checks for itself: the client, and what it has seen of the ledger.

import { Client } from "../../client/http.js";
import { Memory } from "../../client/ledger.js";
import { language } from "../../ui/words.js";

export const leaving = new AbortController();
export const client = new Client({ locale: language(), signal: leaving.signal });
export const memory = new Memory();

addEventListener("pagehide", () => leaving.abort());
