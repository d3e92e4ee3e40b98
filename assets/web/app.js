// The page of the trainer: reads the live connection, draws the table, sends the operator's wishes.
"use strict";

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const TOPICS = ["motion", "prediction", "health", "metrics", "alert", "event"];

/** Makes an element; `children` are elements or text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function shape(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Sets text only where it changes, so that screen readers and selections stay calm. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const words = (name) => name.replaceAll("_", " ");
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/* ---------- who one is ---------- */

/** The token, where one was needed; kept for this tab, or on this device where that was wished. */
const token = {
  get: () => sessionStorage.getItem("token") ?? localStorage.getItem("token"),
  keep(text, lasting) {
    (lasting ? localStorage : sessionStorage).setItem("token", text);
  },
  forget() {
    sessionStorage.removeItem("token");
    localStorage.removeItem("token");
  },
};

/** Asks the trainer, as whoever one is. */
async function ask(path, options = {}) {
  // Nothing is asked while somebody has yet to say who they are.
  if ($("sign-in").open && !token.get()) throw new Error("not signed in");
  const headers = { ...options.headers };
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  const answer = await fetch(path, { ...options, headers });
  if (answer.status === 401) {
    token.forget();
    signIn();
  }
  return answer;
}

function signIn() {
  if (!$("sign-in").open) $("sign-in").showModal();
}

/** Shows only what one may do. */
async function showRole() {
  try {
    const answer = await ask("/api/v1/auth/who");
    if (!answer.ok) return (await answer.json()).detail;
    const { role, name } = await answer.json();
    document.body.dataset.role = role;
    say($("who"), token.get() ? `${capital(name)} (${role})` : "");
    $("sign-out").hidden = !token.get();
    return null;
  } catch {
    return "No connection";
  }
}

$("sign-in-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  token.keep($("token").value.trim(), $("token-keep").checked);
  const refused = await showRole();
  say($("sign-in-note"), refused ?? "");
  if (refused) return;
  $("token").value = "";
  $("sign-in").close();
  loadTable();
  loadShots();
  link.socket?.close();
  if (link.asks) connect();
});
// Without a token there is nothing to be seen behind it.
$("sign-in").addEventListener("cancel", (e) => e.preventDefault());
$("sign-out").addEventListener("click", () => {
  token.forget();
  location.reload();
});

/* ---------- the table ---------- */

const PAINT = {
  1: "#f0b90b", 2: "#1d3fb0", 3: "#d0212a", 4: "#5b2a8c", 5: "#ee6a1b", 6: "#0d6b45", 7: "#7d1a22", 8: "#15161a",
  cue: "#f7f3e8", red: "#c4161f", yellow: "#f2cf2e", green: "#0b7048", brown: "#74441f",
  blue: "#1c53c4", pink: "#f087a4", black: "#15161a", eight: "#15161a", unknown: "#9aa3ad",
};

function paint(ball) {
  if ((ball.group === "solid" || ball.group === "stripe") && ball.number) return PAINT[((ball.number - 1) % 8) + 1];
  return PAINT[ball.group] ?? PAINT.unknown;
}

function ballName(ball) {
  if (!ball || ball.group === "unknown") return "a ball";
  if (ball.group === "cue") return "the cue ball";
  if (ball.group === "eight") return "the 8";
  if (ball.number) return `the ${ball.number}`;
  return ball.group === "solid" || ball.group === "stripe" ? `a ${ball.group}` : `the ${ball.group}`;
}

const pocketName = (name) => `the ${words(name)} pocket`;

/** A ball of radius `r` around the origin, told by pattern and number as well as by colour. */
function ballShape(ball, r) {
  const group = shape("g");
  const colour = paint(ball);
  const stripe = ball.group === "stripe";
  group.append(shape("circle", { r, fill: stripe ? PAINT.cue : colour }));
  if (stripe) {
    const h = r * 0.58, w = Math.sqrt(r * r - h * h);
    group.append(shape("path", { d: `M${-w} ${-h}A${r} ${r} 0 0 0 ${-w} ${h}H${w}A${r} ${r} 0 0 0 ${w} ${-h}Z`, fill: colour }));
  }
  const text = ball.number ? String(ball.number) : ball.group === "eight" ? "8" : ball.group === "unknown" ? "?" : "";
  if (text && ball.group !== "cue") {
    const disc = r * 0.64;
    const number = shape("text", { class: "b-number", y: r * 0.03 }, text);
    number.style.fontSize = `${disc * (text.length > 1 ? 1.15 : 1.5)}px`;
    group.append(shape("circle", { r: disc, fill: "#fff" }), number);
  }
  group.append(shape("circle", { class: "rim", r: r * 0.97, fill: "none", stroke: "rgb(0 0 0 / 45%)", "stroke-width": r * 0.07 }));
  return group;
}

const table = {
  info: null, base: null, now: null, replaying: null, state: null, prediction: null, suggested: null, upright: false, root: null, layers: {}, balls: new Map(),

  /** Table metres to millimetres on the drawing; foot end to the right, or up where the screen is narrow. */
  at(p) {
    return this.upright ? [-p[1] * 1000, -p[0] * 1000] : [p[0] * 1000, -p[1] * 1000];
  },
  line(points) {
    return points.map((p, i) => `${i ? "L" : "M"}${this.at(p).map((v) => v.toFixed(1)).join(" ")}`).join("");
  },

  build() {
    const { spec, geometry } = this.info;
    const cushion = spec.cushion_width_m, rail = Math.min(spec.rail_width_m, 0.11);
    const hl = spec.length_m / 2, hw = spec.width_m / 2;
    const ox = hl + cushion + rail, oy = hw + cushion + rail;
    const [w, h] = this.upright ? [oy, ox] : [ox, oy];
    this.upright = this.upright === true;
    const root = shape("svg", {
      viewBox: `${-w * 1000} ${-h * 1000} ${w * 2000} ${h * 2000}`, role: "img", "aria-label": "The table seen from above",
    });
    const box = (x, y, attributes) => {
      const [bw, bh] = this.upright ? [y, x] : [x, y];
      return shape("rect", { x: -bw * 1000, y: -bh * 1000, width: bw * 2000, height: bh * 2000, ...attributes });
    };
    root.append(
      shape("defs", {},
        shape("radialGradient", { id: "cloth-light", cx: "50%", cy: "45%", r: "75%" },
          shape("stop", { offset: "0", "stop-color": "#22857a" }), shape("stop", { offset: "1", "stop-color": "#155a51" })),
        shape("linearGradient", { id: "wood", x1: "0", y1: "0", x2: "0", y2: "1" },
          shape("stop", { offset: "0", "stop-color": "#5a3d2a" }), shape("stop", { offset: "1", "stop-color": "#3c281b" }))),
      box(ox, oy, { rx: 95, fill: "url(#wood)" }),
      box(hl + cushion, hw + cushion, { fill: "#0f463f" }),
      box(hl, hw, { fill: "url(#cloth-light)" }),
    );
    for (const cushionShape of this.cushions(geometry, cushion)) {
      root.append(shape("path", { d: `${this.line(cushionShape)}Z`, fill: "#1a6c62", stroke: "#0d3f39", "stroke-width": 4, "stroke-linejoin": "round" }));
    }
    root.append(shape("path", { d: this.line([[-hl / 2, -hw], [-hl / 2, hw]]), stroke: "rgb(255 255 255 / 16%)", "stroke-width": 4 }));
    for (const x of [-hl / 2, 0, hl / 2]) {
      const [cx, cy] = this.at([x, 0]);
      root.append(shape("circle", { cx, cy, r: 7, fill: "rgb(255 255 255 / 28%)" }));
    }
    this.diamonds(root, hl, hw, cushion + rail / 2, geometry.pockets.length > 0);
    for (const pocket of geometry.pockets) {
      const [cx, cy] = this.at(pocket.centre);
      root.append(shape("circle", { cx, cy, r: pocket.radius * 1000 + 9, fill: "#241810" }),
        shape("circle", { cx, cy, r: pocket.radius * 1000, fill: "#070809" }));
    }
    for (const name of ["hidden", "paths", "cue", "balls", "tags"]) root.append((this.layers[name] = shape("g")));
    this.balls.clear();
    this.root = root;
    $("cloth").replaceChildren(root);
    this.drawState();
    this.drawPrediction();
  },

  /** One outline per cushion: nose, its facings, and the back. */
  cushions(geometry, width) {
    const near = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]);
    return geometry.noses.map(([a, b]) => {
      const facing = (end) => geometry.facings
        .map((f) => ({ f, d: near(f[0], end) })).sort((m, n) => m.d - n.d)[0];
      const fa = facing(a), fb = facing(b);
      if (fa && fb && fa.d < 0.2 && fb.d < 0.2) return [fa.f[1], fa.f[0], a, b, fb.f[0], fb.f[1]];
      const across = Math.abs(a[0] - b[0]) > Math.abs(a[1] - b[1]) ? 1 : 0;
      const out = (p) => {
        const q = [...p];
        q[across] += Math.sign(p[across]) * width;
        q[1 - across] += Math.sign(p[1 - across]) * width;
        return q;
      };
      return [out(a), a, b, out(b)];
    });
  },

  diamonds(root, hl, hw, off, pockets) {
    const points = [];
    for (let i = 1; i < 8; i++) if (!(pockets && i === 4)) for (const s of [-1, 1]) points.push([hl * (i / 4 - 1), s * (hw + off)]);
    for (let i = 1; i < 4; i++) for (const s of [-1, 1]) points.push([s * (hl + off), hw * (i / 2 - 1)]);
    for (const p of points) {
      const [x, y] = this.at(p);
      root.append(shape("path", { d: `M${x} ${y - 17}L${x + 10} ${y}L${x} ${y + 17}L${x - 10} ${y}Z`, fill: "#e9dfc9" }));
    }
  },

  drawState() {
    if (!this.root || !this.state) return;
    const radius = this.info.spec.ball.radius_m * 1000;
    const seen = new Set();
    for (const ball of this.state.balls) {
      seen.add(ball.id);
      const look = `${ball.group}/${ball.number}`;
      let drawn = this.balls.get(ball.id);
      if (!drawn || drawn.look !== look) {
        drawn?.element.remove();
        drawn = { look, element: ballShape(ball, radius) };
        drawn.element.prepend(shape("circle", { cx: 6, cy: 8, r: radius, fill: "rgb(0 0 0 / 30%)" }));
        drawn.element.append(shape("title", {}, capital(ballName(ball))));
        this.layers.balls.append(drawn.element);
        this.balls.set(ball.id, drawn);
      }
      const [x, y] = this.at(ball.position);
      drawn.element.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      drawn.element.setAttribute("class", ball.motion === "held" ? "b-held" : "");
    }
    for (const [id, drawn] of this.balls) {
      if (!seen.has(id)) {
        drawn.element.remove();
        this.balls.delete(id);
      }
    }
    // What a hand or a head covers is not empty cloth.
    const strips = this.state.hidden?.strips_m ?? [];
    const outline = ([x0, y0, x1, y1]) => `${this.line([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])}Z`;
    const covered = shape("path", { class: "t-hidden", d: strips.map(outline).join("") });
    covered.append(shape("title", {}, "Hidden from the camera"));
    this.layers.hidden.replaceChildren(...(strips.length ? [covered] : []));
    this.layers.cue.replaceChildren();
    const cue = this.state.cue;
    if (cue) {
      const back = (m) => [cue.tip[0] - cue.direction[0] * m, cue.tip[1] - cue.direction[1] * m];
      const piece = (from, to, colour, width) =>
        shape("path", { d: this.line([back(from), back(to)]), stroke: colour, "stroke-width": width, "stroke-linecap": "round" });
      this.layers.cue.append(piece(0.0, 1.4, "rgb(0 0 0 / 30%)", 30), piece(0.9, 1.4, "#2a1b14", 26),
        piece(0.02, 0.9, "#d9b37a", 20), piece(0.012, 0.03, "#f4efe2", 18), piece(0.0, 0.006, "#2f6fb5", 16));
    }
  },

  drawPrediction() {
    if (!this.root || this.replaying) return;
    const { paths: layer, tags } = this.layers;
    layer.replaceChildren();
    tags.replaceChildren();
    const shot = (this.suggested ?? this.prediction)?.shot;
    if (!shot) return;
    const radius = this.info.spec.ball.radius_m * 1000;
    const ring = (p, r, kind) => {
      const [cx, cy] = this.at(p);
      return shape("circle", { cx, cy, r, class: kind });
    };
    const path = (points, kind) => points.length > 1 && layer.append(shape("path", { d: this.line(points), class: kind }));
    const contact = shot.events.find((e) => e.type === "ball_ball" && e.ids.includes(shot.intent.cue_ball));
    const struck = contact?.ids.find((id) => id !== shot.intent.cue_ball);
    for (const way of shot.paths) {
      if (way.length_m < 0.002) continue;
      if (way.ball === shot.intent.cue_ball) {
        const cut = contact ? split(way.points, contact.position, reach(shot, contact)) : [way.points, []];
        path(cut[1], "p-cue");
        path(cut[0], "p-aim");
      } else path(way.points, way.ball === struck ? "p-object" : "p-other");
      if (!way.pocket) layer.append(ring(way.end, radius, "p-rest"));
    }
    if (contact) layer.append(ring(contact.ids[0] === shot.intent.cue_ball ? contact.position : ghost(shot, contact), radius, "p-ghost"));
    for (const fall of shot.pocketed) {
      const pocket = this.info.geometry.pockets.find((p) => p.id === fall.pocket);
      if (!pocket) continue;
      const scratch = fall.ball === shot.intent.cue_ball;
      tags.append(ring(pocket.centre, pocket.radius * 1000 + 4, scratch ? "p-scratch" : "p-pocket"));
      if (scratch) {
        const [x, y] = this.at([pocket.centre[0] * 0.86, pocket.centre[1] * 0.78]);
        tags.append(shape("text", { x, y, class: "p-tag" }, "Scratch!"));
      }
    }
  },
};

/** The way before and after the point nearest to `p`. */
function split(points, p, near) {
  let best = { d: Infinity, i: 0, q: points[0] };
  for (let i = 0; i + 1 < points.length; i++) {
    const [a, b] = [points[i], points[i + 1]];
    const v = [b[0] - a[0], b[1] - a[1]], l = v[0] ** 2 + v[1] ** 2;
    const t = l ? Math.min(1, Math.max(0, ((p[0] - a[0]) * v[0] + (p[1] - a[1]) * v[1]) / l)) : 0;
    const q = [a[0] + v[0] * t, a[1] + v[1] * t];
    const d = Math.hypot(q[0] - p[0], q[1] - p[1]);
    if (d < best.d - 1e-9) best = { d, i, q };
    // A ball may come by there again later.
    if (best.d <= near) break;
  }
  return [[...points.slice(0, best.i + 1), best.q], [best.q, ...points.slice(best.i + 1)]];
}

/** How far the cue ball's centre is from the place an event tells of: that of the ball it names first. */
function reach(shot, contact) {
  return 0.001 + (contact.ids[0] === shot.intent.cue_ball ? 0 : 2 * table.info.spec.ball.radius_m);
}

/** Where the cue ball is at contact when the event names the other ball first. */
function ghost(shot, contact) {
  const way = shot.paths.find((w) => w.ball === shot.intent.cue_ball);
  return way ? split(way.points, contact.position, reach(shot, contact))[1][0] : contact.position;
}

async function loadTable() {
  try {
    const answer = await ask("/api/v1/table");
    if (!answer.ok) return;
    table.info = await answer.json();
    table.build();
  } catch { /* the live connection tells */ }
}

/** Only the table, for a screen on the wall: also by opening the page with #wall. */
function showWall(on) {
  document.body.classList.toggle("wall", on);
  $("wall").setAttribute("aria-pressed", on);
  history.replaceState(null, "", on ? "#wall" : location.pathname);
  if (on) document.documentElement.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
}
$("wall").addEventListener("click", () => showWall(!document.body.classList.contains("wall")));
document.addEventListener("keydown", (e) => { if (e.key === "Escape") showWall(false); });
document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement && location.hash === "#wall") showWall(false); });
if (location.hash === "#wall") showWall(true);

const narrow = matchMedia("(max-width: 699px)");
function turn() {
  table.upright = narrow.matches;
  if (table.info) table.build();
}
narrow.addEventListener("change", turn);
table.upright = narrow.matches;

let ballsShown = "";
/** A whole state, and its number. */
function showState(state, sequence) {
  table.base = { state, sequence };
  drawState(state);
}

/** What is different from the state of that number. */
function showMotion(motion) {
  if (table.base?.sequence !== motion.base) return;
  const moved = new Map(motion.balls.map((ball) => [ball.id, ball]));
  const { state } = table.base;
  drawState({ ...state, balls: state.balls.map((ball) => ({ ...ball, ...moved.get(ball.id) })), cue: motion.cue, hidden: motion.hidden ?? state.hidden });
}

function drawState(state) {
  // Who strikes the next shot wants to see that one.
  if (table.now?.at_rest && !state.at_rest) {
    if (table.replaying) endReplay();
    // What was suggested was for balls that now roll.
    if (table.suggested) clearSuggestions();
  }
  table.now = state;
  if (table.replaying) return;
  table.state = state;
  if (!table.info || table.info.spec.name !== state.model) loadTable();
  else table.drawState();
  const moving = state.balls.filter((b) => b.motion === "moving").length;
  say($("table-note"), !state.known ? "No table is seen yet"
    : `${state.balls.length} ball${state.balls.length === 1 ? "" : "s"}, ${moving ? `${moving} moving` : "at rest"} · ${state.model}`);
  const list = state.balls.map((b) => `${b.group}/${b.number}/${b.motion}`).join();
  if (list !== ballsShown) {
    ballsShown = list;
    const order = (b) => b.group === "cue" ? -1 : b.number ?? 50;
    const sorted = [...state.balls].sort((a, b) => order(a) - order(b));
    $("balls").replaceChildren(...sorted.map((ball) => {
      const svg = shape("svg", { viewBox: "-16 -16 32 32", role: "img" }, ballShape(ball, 14.5));
      const name = `${capital(ballName(ball))}${ball.motion === "held" ? ", hidden at present" : ball.motion === "moving" ? ", moving" : ""}`;
      svg.prepend(shape("title", {}, name));
      return make("li", { class: ball.motion === "held" ? "b-held" : "" }, svg);
    }));
    if (!sorted.length) $("balls").append(make("li", { class: "quiet" }, "None seen."));
  }
}

function showPrediction(prediction) {
  table.prediction = prediction;
  table.drawPrediction();
  const shot = prediction.shot;
  if (!shot) return say($("shot-text"), `${capital(prediction.reason ?? "nothing is aimed")}.`);
  const named = (id) => ballName(shot.paths.find((p) => p.ball === id));
  const scratch = shot.pocketed.find((f) => f.ball === shot.intent.cue_ball);
  const falls = shot.pocketed.filter((f) => f !== scratch).map((f) => `${named(f.ball)} falls into ${pocketName(f.pocket)}`);
  const contact = shot.events.find((e) => e.type === "ball_ball" && e.ids.includes(shot.intent.cue_ball));
  const struck = contact?.ids.find((id) => id !== shot.intent.cue_ball);
  const parts = [];
  if (falls.length) parts.push(`${capital(falls.join(", "))}.`);
  else if (struck !== undefined) parts.push(`${capital(named(struck))} is struck; no ball falls.`);
  else parts.push("No ball is struck.");
  if (scratch) parts.push(`Scratch: the cue ball falls into ${pocketName(scratch.pocket)}.`);
  parts.push(`Stroke ${shot.intent.stick_speed_m_s.toFixed(1)} m/s, all at rest after ${shot.duration_s.toFixed(1)} s.`);
  say($("shot-text"), parts.join(" "));
}

/* ---------- health, figures, alerts ---------- */

const figure = (value, digits = 0) => (value === null || value === undefined ? "–" : value.toFixed(digits));

function showMetrics(m) {
  say($("f-rate"), figure(m.vision_rate_hz, m.vision_rate_hz < 10 ? 1 : 0));
  say($("f-latency"), figure(m.latency_ms_p50, m.latency_ms_p50 < 10 ? 1 : 0));
  say($("f-age"), figure(m.frame_age_ms));
}

function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} days`;
}

const live = { health: null };

function showHealth(health) {
  live.health = health;
  const pill = $("state-pill");
  pill.dataset.level = health.responding ? health.health : "unhealthy";
  const state = health.paused ? "paused" : health.state;
  const told = state === health.health ? capital(state) : `${capital(state)}, ${health.health}`;
  say(pill.querySelector(".text"), health.responding ? told : "Not responding");
  say($("f-source"), health.source || "–");
  $("f-source").title = health.source;
  say($("f-uptime"), duration(health.uptime_s));
  say($("version"), `Version ${health.version} · ${health.environment} · display: ${health.display}`);
  say($("pause"), health.paused ? "Resume" : "Pause");
  for (const id of ["pause", "assistance", "source-set"]) $(id).disabled = false;
  if (document.activeElement !== $("assistance")) $("assistance").value = health.assistance;
  showModules(health.modules);
  showBanner();
}

const modules = new Map();
function showModules(list) {
  const good = list.filter((m) => m.health === "healthy").length;
  say($("modules-note"), `${good} of ${list.length} healthy`);
  const box = $("modules");
  for (const module of list) {
    let row = modules.get(module.id);
    if (!row) {
      const pill = make("span", { class: "pill" }, make("span", { class: "mark", "aria-hidden": "true" }), make("span", { class: "text" }));
      const message = make("p"), checks = make("ul");
      const details = make("details", {}, make("summary", {}), checks);
      const restart = make("button", { type: "button", class: "small" }, "Restart");
      restart.setAttribute("aria-label", `Restart ${module.id}`);
      restart.addEventListener("click", () => send(`/api/v1/modules/${encodeURIComponent(module.id)}/restart`, null, `Restart of ${module.id}`));
      const element = make("li", {}, make("div", { class: "line" }, make("strong", {}, module.id === "api" ? "API" : capital(module.id)), pill), message,
        make("div", { class: "more" }, details, restart));
      row = { element, pill, message, checks, details, restart };
      modules.set(module.id, row);
      if (modules.size === 1) box.replaceChildren();
      box.append(element);
    }
    const off = module.lifecycle === "disabled";
    row.restart.hidden = off || module.id === "config";
    row.pill.dataset.level = off ? "off" : module.health;
    say(row.pill.querySelector(".text"), off ? "Switched off" : module.lifecycle === "running" ? capital(module.health) : capital(module.lifecycle));
    say(row.message, module.message || "");
    say(row.details.querySelector("summary"), `${module.checks.length} check${module.checks.length === 1 ? "" : "s"}`);
    const times = (n) => `${n} time${n === 1 ? "" : "s"}`;
    const lines = module.checks.map((check) => [check.status, `${capital(words(check.name))}: ${check.message}`]);
    if (module.restarts) lines.push(["off", `Started again ${times(module.restarts)}`]);
    if (module.faults) lines.push(["degraded", `Failed ${times(module.faults)} and was caught`]);
    row.checks.replaceChildren(...lines.map(([level, text]) =>
      make("li", { "data-level": level }, make("span", { class: "mark", role: "img", "aria-label": level }), make("span", {}, text))));
  }
}

let alertsShown = "";
function showAlerts({ alerts }) {
  const text = JSON.stringify(alerts);
  if (text === alertsShown) return;
  alertsShown = text;
  const open = alerts.filter((a) => !a.acknowledged).length;
  say($("alerts-note"), alerts.length ? `${alerts.length} open${open < alerts.length ? `, ${alerts.length - open} seen` : ""}` : "");
  $("alerts").replaceChildren(...alerts.map((alert) => {
    const since = new Date(alert.since);
    const row = make("li", { class: "alert", "data-level": alert.severity === "critical" ? "unhealthy" : "degraded" },
      make("span", { class: "sign", "aria-hidden": "true" }, alert.severity === "critical" ? "✕" : "!"),
      make("span", { class: "what" }, alert.message),
      make("span", { class: "meta" }, `${capital(alert.severity)} · ${alert.source} · since ${Number.isNaN(since.getTime()) ? alert.since : since.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`));
    if (alert.acknowledged) row.append(make("span", { class: "done" }, "✓ Seen"));
    else {
      const button = make("button", { type: "button", class: "small" }, "Seen");
      button.setAttribute("aria-label", `Mark as seen: ${alert.message}`);
      button.addEventListener("click", () => send(`/api/v1/alerts/${alert.id}/acknowledge`, null, "Alert"));
      row.append(button);
    }
    return row;
  }));
  if (!alerts.length) $("alerts").append(make("li", { class: "quiet" }, "No open alerts."));
}

function showEvent(event, timestamp) {
  const text = {
    shot_struck: () => "Shot struck",
    at_rest: () => "All balls at rest",
    pocketed: () => `${capital(ballName(event))} fell into ${pocketName(event.pocket)}`,
    shot_ended: () => void loadShots(),
  }[event.event]?.();
  if (!text) return;
  const box = $("events");
  box.querySelector(".quiet")?.remove();
  const when = new Date(timestamp).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  box.prepend(make("li", {}, make("time", {}, when), make("span", {}, text)));
  while (box.children.length > 4) box.lastChild.remove();
}

/* ---------- what could be played ---------- */

const KINDS = { direct: "straight in", bank: "over a cushion", kick: "the cue ball over a cushion first", combination: "by way of another ball" };

function suggestionWords({ kind, ball, first, pocket, success, scratch }) {
  const named = (id) => ballName(table.now?.balls.find((b) => b.id === id));
  const way = kind === "combination" ? `by way of ${named(first)}` : KINDS[kind] ?? words(kind);
  const risk = scratch >= 0.05 ? ` · scratch in ${Math.round(scratch * 100)} %` : "";
  return `${capital(named(ball))} into ${pocketName(pocket)}, ${way} · made in ${Math.round(success * 100)} %${risk}`;
}

function clearSuggestions() {
  table.suggested = null;
  $("suggestions").replaceChildren();
  $("suggest-clear").hidden = true;
  table.drawPrediction();
}

async function loadSuggestions() {
  clearSuggestions();
  say($("suggest-note"), "Playing thousands of strokes …");
  $("suggest-ask").disabled = true;
  try {
    const answer = await ask(`/api/v1/suggest?skill=${$("suggest-skill").value}`);
    const told = await answer.json();
    if (!answer.ok) return say($("suggest-note"), told.detail);
    say($("suggest-note"), told.suggestions.length ? "" : "No ball can be pocketed from here");
    $("suggestions").replaceChildren(...told.suggestions.map((suggestion) => {
      const words = suggestionWords(suggestion);
      const button = make("button", { type: "button", class: "small", "aria-label": `Show on the table: ${words}` }, "Show");
      button.addEventListener("click", () => showSuggestion(suggestion));
      return make("li", {}, make("span", {}, words), button);
    }));
    $("suggest-clear").hidden = !told.suggestions.length;
    if (told.suggestions.length) await showSuggestion(told.suggestions[0]);
  } catch {
    say($("suggest-note"), "No connection");
  } finally {
    $("suggest-ask").disabled = false;
  }
}

/** Draws what a suggested stroke would do, in place of what is aimed. */
async function showSuggestion({ cue }) {
  const { balls, at_rest: rest } = table.now ?? {};
  const struck = balls?.find((b) => b.group === "cue");
  if (!struck || !rest) return say($("suggest-note"), "The balls have moved; ask again");
  const body = JSON.stringify({
    balls: balls.map(({ id, position }) => ({ id, position })), cue: { ...cue, ball: struck.id },
  });
  const answer = await ask("/api/v1/predict", { method: "POST", headers: { "content-type": "application/json" }, body });
  const told = await answer.json();
  if (!answer.ok) return say($("suggest-note"), told.detail);
  const intent = { cue_ball: struck.id, stick_speed_m_s: cue.stick_speed_m_s };
  table.suggested = { shot: { ...told.shot, intent } };
  table.drawPrediction();
}
$("suggest-form").addEventListener("submit", (event) => {
  event.preventDefault();
  loadSuggestions();
});
$("suggest-clear").addEventListener("click", clearSuggestions);

/* ---------- shots ---------- */

const shots = { list: [], next: null };

function shotWords({ pocketed, cushions, contacts, duration_s }) {
  const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const fallen = pocketed.map((p) => `${ballName(p)} in ${pocketName(p.pocket)}`);
  return `${fallen.length ? capital(fallen.join(", ")) : "Nothing fell"} · ${count(contacts, "contact")}, ${count(cushions, "cushion")} · ${duration_s.toFixed(1)} s`;
}

async function loadShots(before = null) {
  try {
    const answer = await ask(`/api/v1/shots?limit=10${before === null ? "" : `&before=${before}`}`);
    if (!answer.ok) return;
    const page = await answer.json();
    shots.list = before === null ? page.shots : [...shots.list, ...page.shots];
    shots.next = page.next;
  } catch { return; }
  $("shots-more").hidden = shots.next === null;
  if (!shots.list.length) {
    $("shots").replaceChildren(make("li", { class: "quiet" }, "None has been played yet."));
    return;
  }
  $("shots").replaceChildren(...shots.list.map((shot) => {
    const button = make("button", { type: "button", class: "small", "aria-label": `Replay shot ${shot.id}` }, "Replay");
    button.addEventListener("click", () => replay(shot.id));
    const when = new Date(shot.struck_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    return make("li", {}, make("time", { datetime: shot.struck_at }, when), make("span", {}, shotWords(shot)), button);
  }));
}
$("shots-more").addEventListener("click", () => loadShots(shots.next));

/** Where a ball was at that moment of a shot. */
function placeOn(points, t) {
  const after = points.findIndex((p) => p[0] >= t);
  if (after <= 0) return (after === 0 ? points[0] : points[points.length - 1]).slice(1);
  const [a, b] = [points[after - 1], points[after]];
  const share = (t - a[0]) / Math.max(1e-6, b[0] - a[0]);
  return [a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}

function endReplay() {
  table.replaying = null;
  $("cloth").classList.remove("replaying");
}

/** Shows a shot on the table as it was played; what is on the table now comes back after it. */
async function replay(id) {
  const answer = await ask(`/api/v1/shots/${id}`).catch(() => null);
  if (!answer?.ok || !table.base) return say($("shots-note"), "This shot is no longer kept");
  const shot = await answer.json();
  const fallen = new Map(shot.events.filter((e) => e.what === "pocketed").map((e) => [e.balls[0], e.t_s]));
  const mine = (table.replaying = Symbol("replay"));
  table.layers.paths.replaceChildren();
  table.layers.tags.replaceChildren();
  $("cloth").classList.add("replaying");
  const start = performance.now();
  const step = () => {
    if (table.replaying !== mine) return;
    const t = (performance.now() - start) / 1000 - 0.5;
    say($("table-note"), `Replay of shot ${id}: ${Math.min(Math.max(0, t), shot.duration_s).toFixed(1)} of ${shot.duration_s.toFixed(1)} s`);
    if (t > shot.duration_s + 1) {
      endReplay();
      drawState(table.now);
      return table.drawPrediction();
    }
    const balls = shot.ways.filter(({ ball }) => !(fallen.get(ball) < t)).map(({ ball, group, number, points }) => ({
      id: ball, group, number, position: placeOn(points, t), velocity: [0, 0], motion: "resting", group_confidence: 1,
    }));
    table.state = { ...table.now, balls, cue: null, hidden: null };
    table.drawState();
    requestAnimationFrame(step);
  };
  step();
}

/* ---------- live connection ---------- */

const link = { socket: null, wait: 500, lost: false, heard: 0, asks: false };

/** What goes behind the address of a connection on which no token can be sent. */
async function ticket() {
  if (!token.get()) return "";
  const answer = await ask("/api/v1/auth/ticket", { method: "POST" });
  return answer.ok ? `?ticket=${(await answer.json()).ticket}` : "";
}

async function connect() {
  link.asks = false;
  const shown = await ticket().catch(() => "");
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/ws${shown}`);
  link.socket = socket;
  socket.addEventListener("open", () => {
    socket.send(JSON.stringify({ type: "subscribe", topics: TOPICS }));
    link.heard = performance.now();
    if (link.lost) {
      loadTable();
      loadShots();
    }
    if (!live.health) say($("state-pill").querySelector(".text"), "Starting");
  });
  socket.addEventListener("message", ({ data }) => {
    link.heard = performance.now();
    link.wait = 500;
    if (link.lost) {
      link.lost = false;
      showBanner();
    }
    const message = JSON.parse(data);
    const take = { state: (state) => showState(state, message.sequence), motion: showMotion, prediction: showPrediction, health: showHealth, metrics: showMetrics, alert: showAlerts, event: showEvent };
    take[message.type]?.(message.data, message.timestamp);
  });
  socket.addEventListener("close", () => {
    link.lost = true;
    // Whoever must say first who they are is not asked again and again.
    link.asks = $("sign-in").open;
    showBanner();
    $("state-pill").dataset.level = "unknown";
    say($("state-pill").querySelector(".text"), "Not connected");
    for (const id of ["pause", "assistance", "source-set"]) $(id).disabled = true;
    if (!link.asks) setTimeout(connect, link.wait);
    link.wait = Math.min(link.wait * 1.6, 5000);
  });
}

// A connection can die without a word: figures come every second, silence means it is gone.
setInterval(() => {
  const socket = link.socket;
  if (socket?.readyState !== WebSocket.OPEN) return;
  const silent = performance.now() - link.heard;
  if (silent > 12000) socket.close();
  else if (silent > 4000) socket.send(JSON.stringify({ type: "ping" }));
}, 2000);

function showBanner() {
  const banner = $("banner");
  let text = "", level = "degraded";
  if (link.lost && !link.asks) text = "Connection lost. Trying again…";
  else if (live.health && !live.health.responding) {
    text = "The trainer does not respond. What you see is old.";
    level = "unhealthy";
  } else if (live.health?.state === "stopping") text = "The trainer is stopping.";
  else if (live.health?.paused) text = "Paused. Press Resume to go on.";
  banner.hidden = !text;
  banner.dataset.level = level;
  say(banner.querySelector(".text"), text);
}

/* ---------- wishes ---------- */

const noteTimers = new Map();
/** Asks for something; what is said of it is shown in `note`. */
async function send(path, body, what, { method = "POST", note = "command-note", headers = {} } = {}) {
  let text;
  try {
    const answer = await ask(path, {
      method,
      headers: { "content-type": "application/json", ...headers },
      body: body === null ? undefined : JSON.stringify(body),
    });
    text = answer.ok ? `${what}: accepted` : `${what}: ${(await answer.json()).detail}`;
  } catch {
    text = `${what}: no connection`;
  }
  say($(note), text);
  clearTimeout(noteTimers.get(note));
  noteTimers.set(note, setTimeout(() => say($(note), ""), 6000));
}

$("pause").addEventListener("click", () => send("/api/v1/command", { pause: !live.health?.paused }, live.health?.paused ? "Resume" : "Pause"));
$("assistance").addEventListener("change", (e) => send("/api/v1/command", { set_assistance: e.target.value }, "Help level"));
$("source-form").addEventListener("submit", (e) => {
  e.preventDefault();
  const source = $("source").value.trim();
  if (source) send("/api/v1/command", { select_source: source }, "Source");
});

/* ---------- calibration ---------- */

/** In one sentence: what is under way, else whether lines may be drawn, and why not. */
function calibrationWords({ running, in_force, doubt, unfit, change, profile, last }) {
  if (running) return ["off", `${capital(running.doing)} …`];
  const failed = last && !last.good ? `${capital(last.words)}.` : "";
  if (failed && !profile) return ["unhealthy", failed];
  if (!profile) return ["degraded", "Not calibrated yet: lines land by guess, or not at all."];
  if (unfit) return ["unhealthy", `${failed} The calibration ${unfit}.`.trim()];
  if (doubt) return ["unhealthy", `${failed} ${capital(doubt)}.`.trim()];
  if (failed) return ["degraded", `${failed} What was calibrated before still holds.`];
  const made = new Date(profile.made);
  const when = Number.isNaN(made.getTime()) ? profile.made : made.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const lands = `Light lands within ${(profile.landing_max_m * 1000).toFixed(1)} mm of where it is meant; the table is known to ${(profile.table_sigma_m * 1000).toFixed(1)} mm. Made ${when}.`;
  return change ? ["degraded", `${lands} ${capital(change)}.`] : [in_force ? "healthy" : "degraded", lands];
}

function showCalibration(calibration) {
  const { running, profile } = calibration;
  const [level, text] = calibrationWords(calibration);
  $("cal-words").dataset.level = level;
  say($("cal-words").querySelector(".text"), text);
  $("cal-progress").hidden = !running;
  $("cal-progress").value = running?.share ?? 0;
  $("cal-before").hidden = Boolean(running);
  $("cal-measured").hidden = Boolean(running);
  $("cal-start").hidden = Boolean(running);
  $("cal-start").disabled = false;
  say($("cal-start"), profile ? "Calibrate again" : "Calibrate");
  $("cal-stop").hidden = !running;
  $("cal-back").hidden = Boolean(running);
}

let calibrationTimer = 0;
/** Names the calibration that is shown, so that two who press at once do not go back twice. */
let calibrationTag = "";
async function loadCalibration() {
  clearTimeout(calibrationTimer);
  let wait = 3000;
  if (!document.hidden) {
    try {
      const answer = await ask("/api/v1/calibration");
      if (answer.ok) {
        const calibration = await answer.json();
        showCalibration(calibration);
        calibrationTag = answer.headers.get("etag");
        if (calibration.running) wait = 300;
      }
    } catch { /* the banner tells */ }
  }
  calibrationTimer = setTimeout(loadCalibration, wait);
}

const calibrate = (path, body, what, method, headers) =>
  send(path, body, what, { method, note: "cal-note", headers }).then(() => setTimeout(loadCalibration, 200));
$("cal-form").addEventListener("submit", (e) => {
  e.preventDefault();
  const height = $("cal-height").valueAsNumber;
  calibrate("/api/v1/calibration", Number.isFinite(height) ? { camera_height_m: height } : {}, "Calibration");
});
$("cal-stop").addEventListener("click", () => calibrate("/api/v1/calibration", null, "Stop", "DELETE"));
$("cal-back").addEventListener("click", () => calibrate("/api/v1/calibration/rollback", null, "The one before", "POST", { "if-match": calibrationTag }));
loadCalibration();

/* ---------- pictures ---------- */

/** Keeps an image fresh while it is on screen; the next one is asked for when the last has come. */
function refresh(image, none, address, pause, told) {
  let visible = true;
  new IntersectionObserver(([entry]) => { visible = entry.isIntersecting; }).observe(image.parentElement);
  let old = null;
  const next = async () => {
    let wait = pause;
    if (visible && !document.hidden) {
      try {
        const answer = await ask(address());
        if (answer.ok) {
          told?.(answer);
          const url = URL.createObjectURL(await answer.blob());
          image.src = url;
          await image.decode().catch(() => {});
          if (old) URL.revokeObjectURL(old);
          old = url;
          image.hidden = false;
          none.hidden = true;
        } else {
          if (answer.status !== 401) say(none, (await answer.json()).detail);
          wait = 2000;
        }
      } catch {
        wait = 1000;
      }
    }
    setTimeout(next, wait);
  };
  next();
}

refresh($("camera"), $("camera-none"), () => {
  const pixels = Math.min(1280, Math.ceil($("camera").parentElement.clientWidth * devicePixelRatio));
  return `/api/v1/frame.jpg?annotate=${$("annotate").checked ? 1 : 0}&width=${Math.max(64, pixels)}`;
}, 150);
refresh($("projector"), $("projector-none"), () => "/api/v1/projector.png", 500, (answer) =>
  say($("projector-note"), answer.headers.get("x-drawn-by") === "projector" ? "As projected" : "Preview"));

/* ---------- settings ---------- */

const settings = { tag: "", keys: [] };

/** A field for a value of this kind, which is written as RON. */
function fieldFor({ key, type, range, optional }, { value, text }) {
  const label = { "aria-label": key };
  const plain = text ?? value;
  if (type === "switch" && !optional) {
    const box = make("input", { ...label, type: "checkbox" });
    box.checked = value === "true";
    return [box, () => box.checked, () => { box.checked = value === "true"; }];
  }
  if (range?.one_of) {
    const select = make("select", label, ...range.one_of.map((word) => make("option", { value: word }, words(word))));
    select.value = plain;
    return [select, () => select.value, () => { select.value = plain; }];
  }
  const number = (type === "number" || type === "whole number") && !optional;
  const input = make("input", number
    ? { ...label, type: "number", step: type === "number" ? "any" : "1", ...(range?.min !== undefined && { min: range.min, max: range.max }) }
    : { ...label, type: "text", spellcheck: "false", autocomplete: "off" });
  input.value = number ? Number(value) : plain;
  return [input, () => (number ? input.valueAsNumber : input.value), () => { input.value = number ? Number(value) : plain; }];
}

async function changeSetting(key, value) {
  const answer = await ask("/api/v1/config", {
    method: "PUT",
    headers: { "content-type": "application/json", "if-match": settings.tag },
    body: JSON.stringify({ changes: { [key]: value } }),
  }).catch(() => null);
  if (!answer) return "no connection";
  const body = await answer.json();
  if (answer.status === 412) {
    await loadSettings();
    return "somebody else has changed settings meanwhile; try again";
  }
  if (!answer.ok) return body.errors?.[0] ? `${body.errors[0].field} ${body.errors[0].message}` : body.detail;
  settings.tag = answer.headers.get("etag");
  await refreshSetting(key);
  return body.needs_restart.length ? "saved; it counts from the next start" : "saved";
}

const LAYERS = { default: "as built in", preset: "as built in", site_file: "from the settings file", changed: "changed here", variable: "fixed by a variable", command_line: "fixed on the command line", derived: "follows from others" };

function settingRow(about, said) {
  const { value, layer } = said;
  const [field, read, reset] = fieldFor(about, said);
  const note = make("span", { class: "note", role: "status" });
  const fixed = ["variable", "command_line", "derived"].includes(layer) || value.includes("…");
  field.disabled = fixed;
  const save = async (wish) => {
    if (Number.isNaN(wish)) {
      reset();
      return say(note, "needs a number");
    }
    say(note, "…");
    const text = await changeSetting(about.key, wish);
    // The row is new by now where it was saved.
    say(document.getElementById(`set-${about.key}`)?.querySelector(".note") ?? note, text);
    if (!text.startsWith("saved")) reset();
  };
  field.addEventListener("change", () => save(read()));
  const back = make("button", { type: "button", class: "small" }, "Undo");
  back.hidden = layer !== "changed";
  back.addEventListener("click", () => save(null));
  const row = make("li", { id: `set-${about.key}` },
    make("div", { class: "what" }, make("code", {}, about.key), make("span", { class: "quiet" }, about.meaning)),
    make("div", { class: "row" }, field, back),
    make("div", { class: "from" }, make("span", { class: "quiet" }, `${LAYERS[layer] ?? words(layer)}; a change ${about.effect === "live" ? "counts at once" : `takes a ${about.effect}`}`), note));
  row.dataset.words = `${about.key} ${about.meaning}`.toLowerCase();
  return row;
}

/** Shows one setting anew, and leaves alone what somebody types elsewhere. */
async function refreshSetting(key) {
  const shown = await ask("/api/v1/config");
  const about = settings.keys.find((one) => one.key === key);
  const said = (await shown.json()).settings?.[key];
  if (about && said) $(`set-${key}`)?.replaceWith(settingRow(about, said));
}

async function loadSettings() {
  try {
    const [shown, schema] = await Promise.all([ask("/api/v1/config"), ask("/api/v1/config/schema")]);
    if (!shown.ok) return say($("settings-note"), (await shown.json()).detail);
    settings.tag = shown.headers.get("etag");
    const { settings: values } = await shown.json();
    const { keys } = await schema.json();
    settings.keys = keys;
    const rows = keys.filter((about) => values[about.key]).map((about) => settingRow(about, values[about.key]));
    $("settings").replaceChildren(...rows);
    findSettings();
  } catch { /* the banner tells */ }
}

function findSettings() {
  const wanted = $("settings-find").value.trim().toLowerCase();
  for (const row of $("settings").children) row.hidden = !row.dataset.words.includes(wanted);
}
$("settings-find").addEventListener("input", findSettings);
$("settings-box").addEventListener("toggle", () => { if ($("settings-box").open) loadSettings(); });

/* ---------- log ---------- */

async function loadLog() {
  if (document.body.dataset.role !== "admin" || !$("log-box").open || document.hidden) return;
  try {
    const { lines } = await (await ask("/api/v1/log?limit=200")).json();
    const box = $("log");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 30;
    box.replaceChildren(...lines.map((line) => make("div", {}, make("span", {}, line.time.slice(11, 23)), make("span", {}, line.level), make("span", {}, line.message))));
    if (!lines.length) box.append(make("span", { class: "quiet" }, "No lines yet."));
    if (atEnd) box.scrollTop = box.scrollHeight;
  } catch { /* the banner tells */ }
}
$("log-box").addEventListener("toggle", loadLog);
setInterval(loadLog, 2000);

showRole();
loadShots();
loadTable();
connect();
