// Signing in: a token from the address or a key, traded for a session that scripts cannot read.

import {find} from "./elements.js";

async function signIn(body) {
  const answer = await fetch("/v1/session", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(body),
  });
  return answer.ok;
}

async function hasSession() {
  const answer = await fetch("/v1/session");
  return answer.ok && (await answer.json()).ok;
}

function showSignIn() {
  find("panels").hidden = true;
  find("sign-in").hidden = false;
  find("key").focus();
}

/** Ask again after a broken connection; the observer may have forgotten the session. */
export async function checkSession() {
  try {
    if (!(await hasSession())) showSignIn();
  } catch {
    // The observer is away; the stream tries again by itself.
  }
}

/** Calls `enter` once there is a session. */
export async function startSession(enter) {
  const open = () => {
    find("sign-in").hidden = true;
    find("panels").hidden = false;
    enter();
  };
  find("key-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const isTaken = await signIn({key: find("key").value});
    find("key").value = "";
    find("key-fault").textContent = isTaken ? "" : "This key is not accepted for reading.";
    if (isTaken) open();
  });
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname);
  // An address that was used before still opens where a session exists.
  if ((await hasSession()) || (token !== null && (await signIn({token})))) open();
  else showSignIn();
}
