// The description of the API, made readable: everything here comes from /api/v1/openapi.json.
"use strict";

const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A schema in one line. */
function kind(schema, all, depth = 0) {
  if (!schema || schema === true || depth > 4) return "anything";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return depth ? name : `${name}: ${kind(all[name], all, depth + 1)}`;
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.map((one) => kind(one, all, depth + 1)).join(" | ");
  const type = [].concat(schema.type ?? "anything").join(" or ");
  if (type.includes("array")) return `[${kind(schema.items, all, depth + 1)}, …]`;
  if (type === "object" && schema.properties) {
    const needed = new Set(schema.required ?? []);
    const parts = Object.entries(schema.properties).map(([name, inner]) => `${name}${needed.has(name) ? "" : "?"}: ${kind(inner, all, depth + 1)}`);
    return `{ ${parts.join(", ")} }`;
  }
  const { minimum, maximum } = schema;
  return minimum !== undefined || maximum !== undefined ? `${type} ${minimum ?? "…"} to ${maximum ?? "…"}` : type;
}

function operationCard(method, path, operation, all) {
  const answers = Object.entries(operation.responses).map(([status, { description, content }]) => {
    const [media] = Object.keys(content ?? {});
    return make("li", {}, make("b", {}, status), ` ${description.replaceAll("`", "")}`, media && !media.includes("problem") ? make("span", { class: "quiet" }, ` (${media})`) : null);
  });
  const asked = (operation.parameters ?? []).map((p) =>
    make("li", {}, make("code", {}, p.name), ` ${p.in === "path" ? "in the path" : p.in === "header" ? "header" : ""} ${p.description ?? ""} `, make("span", { class: "quiet" }, kind(p.schema, all))));
  const body = operation.requestBody?.content["application/json"].schema;
  const card = make("details", { class: "operation" },
    make("summary", {}, make("b", { class: `method ${method}` }, method.toUpperCase()), " ", make("code", {}, path), " ", make("span", { class: "quiet" }, operation.summary)),
    operation.description ? make("p", {}, operation.description) : make("p", {}, "Everybody may."),
    asked.length ? make("ul", {}, ...asked) : null,
    body ? make("p", {}, "Body: ", make("code", {}, kind(body, all))) : null,
    make("ul", { class: "answers" }, ...answers));
  card.dataset.words = `${method} ${path} ${operation.summary} ${operation.description ?? ""}`.toLowerCase();
  return card;
}

async function load() {
  const token = sessionStorage.getItem("token") ?? localStorage.getItem("token");
  const answer = await fetch("/api/v1/openapi.json", { headers: token ? { authorization: `Bearer ${token}` } : {} });
  if (!answer.ok) {
    $("about").replaceChildren("Say who you are first: ", make("a", { href: "/" }, "on the page with the table"), ". Then come back.");
    return;
  }
  const { info, paths, components } = await answer.json();
  $("about").textContent = `${info.title} ${info.version}. ${info.description}`;
  const groups = new Map();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [tag] = operation.tags;
      if (!groups.has(tag)) groups.set(tag, make("section", { class: "card" }, make("h2", {}, tag)));
      groups.get(tag).append(operationCard(method, path, operation, components.schemas));
    }
  }
  $("groups").replaceChildren(...groups.values());
}

$("find").addEventListener("input", () => {
  const wanted = $("find").value.trim().toLowerCase();
  for (const card of document.querySelectorAll(".operation")) card.hidden = !card.dataset.words.includes(wanted);
  for (const group of $("groups").children) group.hidden = !group.querySelector(".operation:not([hidden])");
});
load().catch(() => { $("about").textContent = "The trainer does not answer."; });
