// The overview's filter and keys, and one result when it is asked for. All text goes in as text, never as markup.
(() => {
  const overview = document.getElementById("overview"), detail = document.getElementById("detail");
  const filter = document.getElementById("filter"), boxes = [...document.querySelectorAll("input.show")];
  const rows = [...document.querySelectorAll("#matrix tbody tr")];
  const sources = new Map([...document.querySelectorAll("script.source")].map((each) => [each.dataset.file, each]));
  const count = document.querySelectorAll("script[id^=d][type='application/json']").length;
  let shown = null, left = null;

  function el(tag, facts, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(facts ?? {})) if (value !== null) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }
  const verdict = (word) => el("span", { class: `verdict ${word}` }, word);
  const cell = (value) => el("td", typeof value === "number" ? { class: "number" } : null,
    value instanceof Node ? value : value === null ? "–" : typeof value === "number" ? value.toLocaleString("en") : String(value));
  const table = (heads, found) => el("div", { class: "scroll" }, el("table", null,
    el("thead", null, el("tr", null, ...heads.map((head, n) =>
      el("th", { scope: "col", class: typeof found[0]?.[n] === "number" ? "number" : null }, head)))),
    el("tbody", null, ...found.map((row) => el("tr", null, ...row.map(cell))))));
  const range = (found) => [...new Set([Math.min(...found), Math.max(...found)])].map((each) => each.toPrecision(3)).join(" to ");
  const section = (title, ...children) => el("section", { "aria-label": title }, el("h2", null, title), ...children);
  const ms = (value) => value === null ? "never" : `${value.toLocaleString("en", { maximumFractionDigits: 3 })} ms`;

  function facts(result) {
    return [el("nav", null, el("a", { href: "#", id: "back" }, "← all scenarios"), " ",
      el("a", { id: "previous", href: `#r${(shown + count - 1) % count}` }, "previous"), " ",
      el("a", { id: "next", href: `#r${(shown + 1) % count}` }, "next")),
    el("h2", { id: "title" }, verdict(result.verdict), ` ${result.scenario} `, el("small", null, result.transport)),
    el("p", { class: "soft" }, `${result.file} · seed ${result.seed}${result.round > 1 ? ` · round ${result.round}` : ""} · ${result.duration_s.toFixed(3)} s`),
    result.reason ? el("p", { id: "reason" }, result.reason) : null,
    result.reproduce ? el("pre", { class: "command" }, result.reproduce) : null];
  }

  function guarantees(title, found) {
    if (!found.length) return null;
    const evidence = (found) => Object.keys(found).length
      ? el("details", null, el("summary", null, "evidence"), el("pre", null, JSON.stringify(found, null, 1))) : "";
    return section(title, table(["guarantee", "verdict", "reason", ""], found.map((each) =>
      [each.name, verdict(each.verdict), each.reason, evidence(each.evidence)])));
  }

  function faults(result, picture) {
    if (!result.faults.length) return null;
    const stage = (name, reached, at) => el("span", { class: reached ? null : "missed" }, reached ? `${name}${at}` : `not ${name}`);
    if (!picture) {
      return section("Faults", table(["fault", "child", "stages", "witness"], result.faults.map((each) => [each.kind, each.child,
        el("div", { class: "stages" }, stage("planned", each.planned, ""), stage("armed", each.armed, ""), stage("fired", each.fired, "")),
        each.witness])));
    }
    const told = picture.faults.map((each) => [`${each.kind} (${each.params})`, `${each.child}, at ${each.at}` + (each.line ? `, line ${each.line}` : ""),
      el("div", { class: "stages" }, stage("planned", true, ""), stage("armed", each.armed_ms !== null, ` ${ms(each.armed_ms)}`),
        stage("fired", each.fired_ms !== null, ` ${ms(each.fired_ms)}`), each.fired_ms !== null && each.over_ms === null ? stage("until", true, ` its child was gone, ${ms(each.until_ms)}`)
          : stage("healed", each.over_ms !== null, ` ${ms(each.over_ms)}`)),
      el("div", null, each.witness ?? "no witness", each.notes.length ? el("details", null,
        el("summary", null, `${each.notes_count} ${each.notes_count === 1 ? "note" : "notes"}`), el("pre", null, each.notes.map((note) => `${ms(note.ms)}  ${note.text}`).join("\n"))) : null)]);
    const chosen = result.faults.filter((each) => !each.planned);
    return section("Faults", table(["fault", "where", "stages", "witness"], told),
      picture.faults_count > told.length ? el("p", { class: "soft" }, `${told.length} of ${picture.faults_count} faults are shown.`) : null,
      chosen.length ? el("p", { class: "soft" }, `Left out by their probability: ${chosen.map((each) => `${each.kind} of ${each.child}`).join(", ")}.`) : null);
  }

  function children(result) {
    const tails = result.children.filter((child) => child.stderr_tail || child.error);
    return section("Children", table(["child", "pid", "outcome", "exit code", "signal", "sent", "handled", "malformed"],
      result.children.map((child) => [child.name, child.pid === null ? null : String(child.pid), child.outcome, child.exit_code, child.signal,
        child.sent, child.handled, child.malformed])),
    ...tails.map((child) => el("details", { open: "" }, el("summary", null, `what ${child.name} left`),
      child.error ? el("p", null, child.error) : null,
      child.stderr_tail ? el("pre", { class: "stderr" }, child.stderr_tail) : null)));
  }

  const told = (four, number, what) => el("p", { class: "soft" }, `${what}, of ${number.toLocaleString("en")} messages: `
    + ["median", "90 %", "99 %", "largest"].map((name, n) => `${name} ${four[n].toLocaleString("en")} µs`).join(", ") + ".");

  function charts(picture, problem) {
    if (!picture) return [section("Timeline", el("p", { class: "note" }, `No charts: ${problem}.`))];
    const chart = (name) => el("div", { class: "chart", "data-chart": name });
    const widths = picture.lanes.map((lane) => lane.density.width_ms), lag = picture.latency.overall;
    const shownLanes = picture.lanes.length < picture.lanes_count ? ` ${picture.lanes.length} of ${picture.lanes_count} children are drawn.` : "";
    const found = [section("Timeline", el("p", { class: "soft", id: "aggregated" },
      `${picture.messages.toLocaleString("en")} handled messages, aggregated in columns of ${range(widths)} ms; above each line what was sent, below it what was handled.${shownLanes}`
      + " Drag to look closer, double-click to see all."), chart("timeline"))];
    if (lag) {
      found.push(section("Latency of handlers", told(lag, picture.latency.count, "From before a message is written until its handler is called"),
        picture.handlers.overall ? told(picture.handlers.overall, picture.handlers.count, "The handler itself") : null, chart("latency")));
    }
    found.push(section("Sent against handled", table(["child", "sent", "handled", "agree", "first difference"], picture.lanes.map((lane) =>
      lane.ledger ? [lane.name, lane.ledger.sent, lane.ledger.handled, lane.ledger.agree, lane.ledger.difference ?? "none"]
        : [lane.name, null, null, null, "it keeps no journal"])), chart("ledger"),
    picture.lanes.length > Charts.MOST_LINES ? el("p", { class: "soft" }, `The first ${Charts.MOST_LINES} children are drawn.`) : null));
    const lane = picture.parent;
    found.push(section("Parent", el("p", { class: "soft" }, `pid ${lane.pid}, ${lane.beats_count.toLocaleString("en")} heartbeats, ${lane.ended}.`),
      chart("parent"), ...lane.unhandled.map((each) => el("pre", null, each)), lane.stderr_tail ? el("pre", null, lane.stderr_tail) : null));
    return found;
  }

  function source(file) {
    const script = sources.get(file), found = script ? JSON.parse(script.textContent) : null;
    if (!found || found.problem) return section("Scenario file", el("p", { class: "note" }, `${file} ${found?.problem ?? "is not here"}.`));
    const marked = new Set(found.lines);
    return section("Scenario file", el("p", { class: "soft" }, `${file}, as it was when this page was written; lines of faults are marked.`),
      el("pre", { class: "source" }, ...found.text.replace(/\n$/, "").split("\n").map((line, n) =>
        el("span", marked.has(n + 1) ? { class: "fault", "data-line": n + 1 } : null, line || " "))),
      found.cut ? el("p", { class: "soft" }, "The rest of it is cut off.") : null);
  }

  function draw(picture) {
    const places = [...detail.querySelectorAll(".chart")];
    if (!places.length) return;
    Charts.load();
    for (const place of places) Charts[place.dataset.chart](place, picture).then(() => place.setAttribute("data-drawn", ""));
  }

  function open(index) {
    const { result, picture, problem } = JSON.parse(document.getElementById(`d${index}`).textContent);
    if (shown === null) left = document.activeElement;
    shown = index;
    const bad = result.guarantees.filter((each) => each.verdict !== "pass");
    detail.replaceChildren(...[...facts(result), guarantees("What did not hold", bad), faults(result, picture), ...charts(picture, problem),
      guarantees("All guarantees", result.guarantees), children(result), source(result.file)].filter((part) => part !== null));
    overview.hidden = true; detail.hidden = false;
    window.scrollTo(0, 0); detail.focus({ preventScroll: true });
    draw(picture);
  }

  function close() {
    shown = null; detail.hidden = true; overview.hidden = false; detail.replaceChildren();
    if (left instanceof HTMLElement) left.focus();
  }

  function follow() {
    const match = /^#r(\d+)$/.exec(location.hash);
    if (match && Number(match[1]) < count) open(Number(match[1])); else close();
  }

  function sift() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean), wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let visible = 0;
    for (const row of rows) {
      const verdicts = row.dataset.verdicts.replaceAll("not run", "unknown").replaceAll("skipped", "pass").split(" ");
      const text = row.dataset.text.toLowerCase();
      row.hidden = !verdicts.some((each) => wanted.has(each)) || !words.every((word) => text.includes(word));
      visible += !row.hidden;
    }
    document.getElementById("shown").textContent = `${visible} of ${rows.length} scenarios`;
  }

  function step(by) {
    if (shown !== null) { location.hash = `#r${(shown + by + count) % count}`; return; }
    const links = [...overview.querySelectorAll("a.case")].filter((link) => link.offsetParent !== null);
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    links[at < 0 ? (by > 0 ? 0 : links.length - 1) : (at + by + links.length) % links.length].focus();
  }

  function theme() {
    const root = document.documentElement, order = ["system", "dark", "light"];
    const next = order[(order.indexOf(root.dataset.theme ?? "system") + 1) % 3];
    if (next === "system") delete root.dataset.theme; else root.dataset.theme = next;
    document.getElementById("theme").textContent = `theme: ${next}`;
    if (shown !== null) open(shown);
  }

  const help = () => { const note = document.getElementById("help"); note.hidden = !note.hidden; };
  const failing = () => { const pass = boxes.find((box) => box.value === "pass"); pass.checked = !pass.checked; sift(); };
  const back = () => { if (shown !== null) location.hash = ""; };
  const keys = { j: () => step(1), k: () => step(-1), "/": () => { back(); filter.focus(); }, f: failing, t: theme, "?": help, Escape: back };
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement && event.target.type === "search";
    if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape") || !(event.key in keys)) return;
    event.preventDefault();
    if (typing) filter.blur(); else keys[event.key]();
  });
  document.getElementById("theme").addEventListener("click", theme);
  document.getElementById("keys").addEventListener("click", help);
  filter.addEventListener("input", sift);
  boxes.forEach((box) => box.addEventListener("change", sift));
  window.addEventListener("hashchange", follow);
  sift();
  follow();
})();
