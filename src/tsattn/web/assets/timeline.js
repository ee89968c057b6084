// The timeline editor. It draws views that Python makes of the plan (tsattn/web/editor.py), and sends back edits; it knows
// nothing of what an edit does. Gradio calls this once with `element`, `props`, `server`, `trigger` and `watch`.
const find = (selector) => element.querySelector(selector);
const undone = [], redone = [];
let view = props.value;
let shown = view;          // what is drawn: the view, or while something is dragged, what it would become
let unit = "seconds";
let typing = false;        // whether the last change came from the prompt box; such changes are undone together
let turn = Promise.resolve();

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// times

const at = (latent) => shown.clip.bounds[latent];
const percent = (frame) => `${(100 * frame) / shown.clip.frames}%`;
const time = (frame) => (unit === "seconds" ? `${(frame / shown.clip.fps).toFixed(2)} s` : `frame ${frame}`);
const range = (one) =>
  unit === "seconds"
    ? `${(at(one.first) / shown.clip.fps).toFixed(2)}–${(at(one.last) / shown.clip.fps).toFixed(2)} s`
    : `frames ${at(one.first)}–${at(one.last) - 1}`;
const latents = (one) => (one.last - one.first === 1 ? `latent frame ${one.first}` : `latent frames ${one.first}–${one.last - 1}`);

function nearest(x, track) {
  const box = track.getBoundingClientRect();
  const frame = ((x - box.left) / box.width) * shown.clip.frames;
  const bounds = shown.clip.bounds;
  return bounds.reduce((best, bound, k) => (Math.abs(bound - frame) < Math.abs(bounds[best] - frame) ? k : best), 0);
}

// edits: each is asked of Python, one after the other

const ask = (edit, plan = view.plan) => server.edit({ plan, kept: view.kept, on: view.on, edit });

function change(edit) {
  turn = turn.then(async () => {
    if (!view.plan) return;
    const asked = typeof edit === "function" ? edit() : edit;
    const answer = asked && (await ask(asked));
    if (answer) answer.error ? refuse(answer.error, asked) : commit(answer);
  });
  return turn;
}

function commit(next) {
  if (JSON.stringify(next.plan) === JSON.stringify(view.plan)) return show(view);
  undone.push(view);
  redone.length = 0;
  typing = false;
  settle(next);
}

function settle(next) {
  view = next;
  refuse("");
  show(view);
  props.value = view;
  trigger("edited");
}

function step(from, to) {
  turn = turn.then(async () => {
    const before = from.pop();
    if (!before) return;
    const answer = await ask(null, before.plan);
    if (answer.error) return refuse(answer.error);
    if (view.plan) to.push(view);
    typing = false;
    settle({ ...answer, kept: before.kept });
  });
}

function refuse(text, edit) {
  const place = find(".tl-refused");
  place.hidden = !text;
  place.replaceChildren(text);
  if (edit && edit.do === "add" && !edit.write && text.includes("does not occur")) {
    const button = make("button", { type: "button" }, `Write “${edit.text}” into the prompt`);
    button.addEventListener("click", () => change({ ...edit, write: true }).then(clearWords));
    place.append(" ", button);
  }
}

const clearWords = () => { if (find(".tl-refused").hidden) find(".tl-add [name=text]").value = ""; };

watch("value", () => {
  const next = props.value;
  if (view.plan && JSON.stringify(next.plan) !== JSON.stringify(view.plan)) {
    if (!typing) undone.push(view);
    redone.length = 0;
  }
  typing = true;
  view = next;
  refuse("");
  show(view);
});

// drawing

function show(next) {
  shown = next;
  const focus = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  drawWords();
  drawRows();
  drawProblems();
  drawList();
  find("[data-do=undo]").disabled = !undone.length;
  find("[data-do=redo]").disabled = !redone.length;
  find("[data-do=even]").disabled = !shown.plan;
  find(".tl-add").hidden = find(".tl-hint").hidden = !shown.plan;
  if (focus) [...element.querySelectorAll("[data-key]")].find((node) => node.dataset.key === focus)?.focus();
}

function drawWords() {
  const events = shown.rows.flatMap((row) => row.events);
  find(".tl-words").replaceChildren(
    ...shown.words.map((piece) => {
      const event = events.find((one) => one.number === piece.event);
      const node = make(event ? "mark" : piece.subject ? "strong" : "span", {}, piece.text);
      if (event) node.style.cssText = `background:${event.colour};color:${event.ink}`;
      return node;
    }),
  );
}

// the key of an event outlives changes of its place
const key = (subject, event) => `${shown.plan.subjects[subject].span}/${shown.plan.subjects[subject].events[event].span}`;

function drawRows() {
  const rows = shown.rows.map((row, subject) => {
    const lanes = [];
    const blocks = row.events.map((one, event) => {
      let lane = lanes.findIndex((end) => end <= one.first);
      if (lane < 0) lane = lanes.push(0) - 1;
      lanes[lane] = one.last;
      return drawBlock(one, row, subject, event, lane);
    });
    const lines = shown.clip.bounds.slice(1, -1).map((frame) => {
      const line = make("i", { class: "tl-line" });
      line.style.left = percent(frame);
      return line;
    });
    const edges = row.events.flatMap((one, event) => drawEdges(one, row, subject, event));
    const track = make("div", { class: "tl-track", "data-subject": subject }, ...lines, ...blocks, ...edges);
    track.style.setProperty("--lanes", lanes.length);
    blocks.forEach((block) => edges.forEach((edge) => {
      if (edge.dataset.event === block.dataset.event) edge.style.top = block.style.top;
    }));
    return make("div", { class: "tl-row" }, make("div", { class: "tl-subject", title: row.text }, row.text), track);
  });
  find(".tl-rows").replaceChildren(...rows, ...(rows.length ? [drawRuler()] : []));
}

function drawBlock(one, row, subject, event, lane) {
  const block = make(
    "button",
    {
      type: "button", class: "tl-block", "data-subject": subject, "data-event": event, "data-key": `block ${key(subject, event)}`,
      "aria-label": `${row.text}: ${one.text}, ${range(one)}, ${latents(one)}`, title: `${one.text} · ${range(one)} · ${latents(one)}`,
      "aria-keyshortcuts": "ArrowLeft ArrowRight Alt+ArrowLeft Alt+ArrowRight Delete",
    },
    make("span", {}, one.text),
  );
  block.style.cssText = `left:${percent(at(one.first))};width:${percent(at(one.last) - at(one.first))};background:${one.colour};color:${one.ink}`;
  block.style.top = `calc(${lane} * var(--lane))`;
  return block;
}

function drawEdges(one, row, subject, event) {
  const ends = ["end"];
  if (!row.events.some((other) => other.last === one.first)) ends.unshift("start");
  return ends.map((edge) => {
    const latent = edge === "start" ? one.first : one.last;
    const after = edge === "end" ? row.events.find((other) => other.first === latent) : null;
    const node = make("span", {
      class: "tl-edge", role: "slider", tabindex: 0, "data-subject": subject, "data-event": event, "data-edge": edge,
      "data-key": `${edge} ${key(subject, event)}`,
      "aria-label": after ? `from ${one.text} to ${after.text}` : `${edge} of ${one.text}`,
      "aria-valuemin": 0, "aria-valuemax": shown.clip.bounds.length - 1, "aria-valuenow": latent,
      "aria-valuetext": `${time(at(latent))}, latent frame ${latent}`, "aria-orientation": "horizontal",
    });
    node.style.left = percent(at(latent));
    return node;
  });
}

function drawRuler() {
  const { frames, fps } = shown.clip;
  const scale = unit === "seconds" ? fps : 1;
  const steps = unit === "seconds" ? [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60] : [1, 2, 5, 10, 20, 50, 100, 200, 500];
  const step = steps.find((one) => (frames / scale) / one <= 8) ?? frames / scale;
  const ticks = [];
  for (let k = 0; k * step * scale <= frames + 1e-6; k += 1) {
    const tick = make("span", {}, unit === "seconds" ? `${+(k * step).toFixed(2)} s` : `${k * step}`);
    tick.style.left = percent(k * step * scale);
    ticks.push(tick);
  }
  return make("div", { class: "tl-row tl-ruler", "aria-hidden": "true" }, make("div", { class: "tl-subject" }, unit === "frames" ? "frame" : ""), make("div", {}, ...ticks));
}

function drawProblems() {
  const told = shown.problems.map((one) => make("li", { class: `tl-${one.level}` }, one.text));
  const fine = shown.plan && !told.length ? [make("li", { class: "tl-fine" }, "The plan fits the clip.")] : [];
  find(".tl-problems").replaceChildren(...told, ...fine);
}

function drawList() {
  find(".tl-list").replaceChildren(
    ...shown.rows.flatMap((row, subject) => row.events.map((one, event) => drawItem(one, row, subject, event))),
  );
  const select = find(".tl-add select");
  const chosen = select.value;
  select.replaceChildren(...shown.rows.map((row, subject) => make("option", { value: subject }, row.text)));
  select.value = chosen in shown.rows ? chosen : "0";
  select.parentElement.hidden = shown.rows.length < 2;
}

function drawItem(one, row, subject, event) {
  const place = { "data-subject": subject, "data-event": event };
  const button = (what, sign, label, disabled = false) =>
    make("button", { type: "button", "data-do": what, ...place, disabled, "aria-label": `${label}: ${one.text}`, title: label, "data-key": `${what} ${key(subject, event)}` }, sign);
  const chip = make("span", { class: "tl-chip" }, `${one.number + 1}`);
  chip.style.cssText = `background:${one.colour};color:${one.ink}`;
  const input = make("input", { ...place, value: one.text, maxlength: 300, "aria-label": `Words of event ${one.number + 1}, ${row.text}`, "data-key": `words ${key(subject, event)}`, autocomplete: "off" });
  return make(
    "li", {}, chip, make("span", { class: "tl-who" }, row.text), input, make("span", { class: "tl-time" }, range(one)),
    button("earlier", "←", "Earlier", event === 0), button("later", "→", "Later", event === row.events.length - 1), button("remove", "✕", "Remove"),
  );
}

// pointers

let drag = null;

element.addEventListener("pointerdown", (down) => {
  const node = down.target.closest(".tl-edge, .tl-block");
  if (!node || down.button || !view.plan) return;
  const [subject, event] = [+node.dataset.subject, +node.dataset.event];
  const one = view.rows[subject].events[event];
  const track = find(`.tl-track[data-subject="${subject}"]`);
  const grip = nearest(down.clientX, track) - one.first;
  drag = { subject, event, edge: node.dataset.edge, grip, last: null, asked: 0, got: null };
  node.focus();
  down.preventDefault();
});

document.addEventListener("pointermove", async (move) => {
  if (!drag) return;
  const mine = drag;
  const to = nearest(move.clientX, find(`.tl-track[data-subject="${mine.subject}"]`));
  if (to === mine.last) return;
  mine.last = to;
  const { subject, event, edge } = mine;
  mine.asking = ask(
    edge ? { do: "edge", subject, event, edge, at: to, alone: move.shiftKey } : { do: "shift", subject, event, to: to - mine.grip },
  );
  const turn = (mine.asked += 1);
  const answer = await mine.asking;
  if (turn !== mine.asked || answer.error) return;
  mine.got = answer;
  if (drag === mine) show(answer);
});

document.addEventListener("pointerup", async () => {
  if (!drag) return;
  const mine = drag;
  drag = null;
  const answer = await mine.asking;
  if (answer && !answer.error) commit(answer);
});

document.addEventListener("pointercancel", () => { if (drag) { drag = null; show(view); } });

// keys and buttons

element.addEventListener("keydown", (press) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[press.key];
  if ((press.ctrlKey || press.metaKey) && press.key.toLowerCase() === "z" && press.target.tagName !== "INPUT") {
    press.preventDefault();
    return redoOrUndo(press.shiftKey);
  }
  const node = press.target.closest(".tl-edge, .tl-block");
  if (!node) return;
  const edit = keyed(press, step, +node.dataset.subject, +node.dataset.event, node.dataset.edge);
  if (!edit) return;
  press.preventDefault();
  change(edit);
});

// what a key asks for, worked out when its turn has come: keys may be pressed faster than Python answers
function keyed(press, step, subject, event, edge) {
  const one = () => view.rows[subject].events[event];
  const to = { Home: 0, End: view.clip.bounds.length - 1 }[press.key];
  const alone = press.shiftKey;
  if (edge && step) return () => ({ do: "edge", subject, event, edge, at: (edge === "start" ? one().first : one().last) + step, alone });
  if (edge && to !== undefined) return { do: "edge", subject, event, edge, at: to };
  if (!edge && step && press.altKey) return () => move(subject, event, step);
  if (!edge && step) return () => ({ do: "shift", subject, event, to: one().first + step });
  return ["Delete", "Backspace"].includes(press.key) ? { do: "remove", subject, event } : null;
}

const move = (subject, event, by) => (view.rows[subject].events[event + by] ? { do: "move", subject, event, by } : null);
const redoOrUndo = (redo) => (redo ? step(redone, undone) : step(undone, redone));

element.addEventListener("click", (click) => {
  const button = click.target.closest("button");
  if (!button) return;
  const [subject, event] = [+button.dataset.subject, +button.dataset.event];
  const what = button.dataset.do;
  if (button.dataset.unit) {
    unit = button.dataset.unit;
    element.querySelectorAll("[data-unit]").forEach((one) => one.setAttribute("aria-pressed", one === button));
    show(view);
  } else if (what === "undo" || what === "redo") redoOrUndo(what === "redo");
  else if (what === "even") change({ do: "even" });
  else if (what === "earlier") change(move(subject, event, -1));
  else if (what === "later") change(move(subject, event, 1));
  else if (what === "remove") change({ do: "remove", subject, event });
});

element.addEventListener("change", (changed) => {
  const { subject, event } = changed.target.dataset;
  if (changed.target.closest(".tl-list")) change({ do: "words", subject: +subject, event: +event, text: changed.target.value });
});

element.addEventListener("submit", (submit) => {
  submit.preventDefault();
  const form = new FormData(submit.target);
  change({ do: "add", subject: +(form.get("subject") ?? 0), text: form.get("text") }).then(clearWords);
});

show(view);
