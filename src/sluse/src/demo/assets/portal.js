"use strict";

const byId = (id) => document.getElementById(id);
const words = {
  received: ["Your application is received", "It is sealed and waits to be checked."],
  examining: ["Your files are being checked", "This takes a moment."],
  relayed: ["Your application has been passed on", "All files were checked and rebuilt."],
  relayed_in_part: ["Your application has been passed on without some files", "A case worker can see which are missing. You may send them again in another form."],
  quarantined: ["Your application is being looked at", "Something in it could not be passed on by itself. You will hear from us."],
  rejected: ["Your application could not be used", "Please check it and send it again."],
  expired: ["Your application was not handled in time", "Please send it again."],
};
const codes = {
  relayed: "passed on", held: "held back", infected: "virus found, deleted",
  unscannable: "could not be checked", refused: "type not accepted",
};
const done = new Set(["relayed", "relayed_in_part", "quarantined", "rejected", "expired"]);

function row(left, right) {
  const item = document.createElement("li");
  for (const text of [left, right]) {
    const span = document.createElement("span");
    span.textContent = text;
    item.append(span);
  }
  return item;
}

function show(kind, headline, explanation) {
  const outcome = byId("outcome");
  outcome.className = kind;
  outcome.hidden = false;
  byId("headline").textContent = headline;
  byId("explanation").textContent = explanation;
}

byId("files").addEventListener("change", () => {
  byId("chosen").replaceChildren(...[...byId("files").files].map((f) => row(f.name, `${Math.ceil(f.size / 1024)} KiB`)));
});

function send(body) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/submissions");
    request.responseType = "json";
    request.upload.onprogress = (event) => { byId("progress").value = event.loaded / event.total; };
    request.onload = () => (request.status === 200 ? resolve(request.response)
      : reject(new Error(request.response?.detail ?? "It could not be sent.")));
    request.onerror = () => reject(new Error("There is no connection. Please try again."));
    request.send(body);
  });
}

async function follow(id, files) {
  for (;;) {
    const response = await fetch(`/submissions/${id}`);
    const status = await response.json();
    const [headline, explanation] = words[status.status] ?? ["Unknown outcome", ""];
    show(status.status.startsWith("relayed") ? "good" : done.has(status.status) ? "bad" : "", headline, explanation);
    byId("results").replaceChildren(...status.attachments.map((a) => row(files[a.index].name, codes[a.code] ?? a.code)));
    if (done.has(status.status)) { return; }
    await new Promise((next) => setTimeout(next, 300));
  }
}

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = byId("form");
  if (!form.reportValidity()) { return; }
  const button = form.querySelector("button");
  const files = [...byId("files").files];
  const fields = Object.fromEntries(["name", "address", "registration"].map((name) => [name, byId(name).value.trim()]));
  const body = new FormData();
  body.append("submission", JSON.stringify({ form: "parking-permit", version: 1, fields }));
  files.forEach((file) => body.append("file", file));
  button.disabled = true;
  byId("progress").hidden = false;
  byId("results").replaceChildren();
  byId("reference").textContent = "";
  try {
    const { id } = await send(body);
    byId("reference").textContent = id;
    await follow(id, files);
  } catch (error) {
    show("bad", "Your application was not accepted", error.message);
  } finally {
    button.disabled = false;
    byId("progress").hidden = true;
  }
});
