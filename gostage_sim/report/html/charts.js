"use strict";
// The charts of one result, by plotly, from a picture as `gostage_sim/report/picture/model.py` describes it.
const Charts = (() => {
  const MOST_LINES = 8;

  // Plotly takes a little HTML in its texts; what a child said must stay what it is.
  const text = (value) => String(value).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  // It is large: a page that shows no chart does not read it.
  function load() {
    if (window.Plotly) return;
    const script = document.createElement("script");
    script.textContent = document.getElementById("plotly").textContent;
    document.head.append(script);
  }

  function layout(picture, more) {
    const ink = colour("ink"), line = colour("line");
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
    const { xaxis, yaxis, yaxis2, ...others } = more;
    const found = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, size: 12 }, height: 300,
      margin: { l: 60, r: 20, t: 10, b: 40 }, hovermode: "closest", legend: { orientation: "h", y: 1.15 },
      xaxis: { ...axis, range: [0, picture.span_ms], title: { text: "ms since the first spawn" }, ...xaxis },
      yaxis: { ...axis, ...yaxis }, ...others,
    };
    if (yaxis2) found.yaxis2 = { ...axis, showgrid: false, overlaying: "y", side: "right", ...yaxis2 };
    return found;
  }

  // When faults could be felt, behind what is measured; faults of children that are not drawn included.
  function windows(picture) {
    const felt = picture.faults.filter((fault) => fault.fired_ms !== null).map((fault) => [fault.fired_ms, fault.until_ms]);
    return (felt.length || !picture.window ? felt : [picture.window]).map(([from, to]) => ({
      type: "rect", xref: "x", yref: "paper", x0: from, x1: to, y0: 0, y1: 1, layer: "below", line: { width: 0 },
      fillcolor: colour("window"),
    }));
  }

  function show(place, data, drawn) {
    return Plotly.newPlot(place, data, drawn, { displayModeBar: false, responsive: true });
  }

  const marks = (name, symbol, tint, points) => ({
    type: "scatter", mode: "markers", name, x: points.map((each) => each[0]), y: points.map((each) => each[1]),
    text: points.map((each) => text(each[2])), hovertemplate: "%{x:.3f} ms: %{text}<extra></extra>",
    marker: { symbol, size: 10, color: tint, line: { width: 1, color: colour("paper") } },
  });

  // A lane for each child, one for the parent at the top: above the line what was sent, below it what was handled.
  function timeline(place, picture) {
    const lanes = picture.lanes, place_of = new Map(lanes.map((lane, index) => [lane.name, -1 - index]));
    const bars = { sent: [[], [], [], [], []], handled: [[], [], [], [], []] };
    const lives = { x: [], y: [] }, spawned = [], ended = [], bad = [], stopped = [], shapes = [];
    lanes.forEach((lane, index) => {
      const y = -1 - index, density = lane.density, most = Math.max(1, ...density.sent, ...density.handled);
      for (const [name, side] of [["sent", 1], ["handled", -1]]) {
        const [x, base, height, width, label] = bars[name];
        density[name].forEach((count, n) => {
          if (!count) return;
          x.push((density.columns[n] + 0.5) * density.width_ms); base.push(y);
          height.push(side * (0.08 + 0.34 * count / most)); width.push(density.width_ms);
          label.push(`${text(lane.name)}: ${count} ${name}`);
        });
      }
      const begin = lane.spawned_ms, end = lane.exit_ms ?? lane.returned_ms ?? picture.span_ms;
      if (begin !== null) {
        lives.x.push(begin, end, null); lives.y.push(y, y, null);
        spawned.push([begin, y, `${lane.name} is spawned, pid ${lane.pid ?? "unknown"}`]);
      }
      if (lane.exit_ms !== null) ended.push([lane.exit_ms, y, `${lane.name}: ${lane.ended}`, lane.ended]);
      lane.quarantined.forEach((mark) => bad.push([mark.ms, y, mark.text]));
      lane.stopped.forEach((at) => stopped.push([at, y, `${lane.name} is stopped`]));
      lane.held.forEach(([from, to]) => shapes.push({
        type: "rect", x0: from, x1: to, y0: y - 0.45, y1: y, layer: "below", line: { width: 0 }, fillcolor: colour("line"),
      }));
    });
    const fired = [];
    for (const fault of picture.faults) {
      if (fault.fired_ms === null || !place_of.has(fault.child)) continue;
      const y = place_of.get(fault.child);
      fired.push([fault.fired_ms, y, `${fault.kind} at ${fault.at}`]);
      shapes.push({ type: "rect", x0: fault.fired_ms, x1: fault.until_ms, y0: y - 0.47, y1: y + 0.47, layer: "below",
        line: { width: 1, color: colour("fault") }, fillcolor: colour("window") });
    }
    const parent = picture.parent;
    lives.x.push(0, parent.exit_ms ?? picture.span_ms); lives.y.push(0, 0);
    if (parent.exit_ms !== null) ended.push([parent.exit_ms, 0, `the parent: ${parent.ended}`, parent.ended]);
    const bar = (name, [x, base, y, width, label]) => ({
      type: "bar", name, x, base, y, width, text: label, textposition: "none", hovertemplate: "%{text}<extra></extra>",
      marker: { color: colour(name), line: { width: 1, color: colour(name) } },
    });
    const exits = { ...marks("exit", "x", colour("ink"), ended), mode: "markers+text", textposition: "top center",
      textfont: { size: 10 } };
    exits.text = ended.map((each) => text(each[3]));
    exits.hovertext = ended.map((each) => text(each[2]));
    exits.hovertemplate = "%{x:.3f} ms: %{hovertext}<extra></extra>";
    const rows = lanes.length + 1;
    return show(place, [
      { type: "scatter", mode: "lines", name: "alive", x: lives.x, y: lives.y, hoverinfo: "skip",
        line: { color: colour("soft"), width: 1 } },
      bar("sent", bars.sent), bar("handled", bars.handled),
      marks("spawn", "triangle-right", colour("ink"), spawned), exits,
      marks("fault", "star", colour("fault"), fired), marks("quarantine", "diamond", colour("unknown"), bad),
      marks("stopped", "square", colour("skipped"), stopped),
    ].filter((trace) => trace.x.length), layout(picture, {
      height: Math.max(220, 110 + 38 * rows), barmode: "overlay", shapes,
      yaxis: { range: [-rows + 0.4, 0.7], tickvals: [...lanes.keys()].map((n) => -1 - n).concat(0), zeroline: false,
        ticktext: lanes.map((lane) => text(lane.name)).concat("parent"), showgrid: false },
    }));
  }

  function parent(place, picture) {
    const lane = picture.parent, mebi = (bytes) => bytes / 1048576;
    const pairs = (name, found, y, more) => ({ type: "scatter", mode: "lines+markers", name, marker: { size: 4 },
      x: found.map((each) => each[0]), y, ...more });
    return show(place, [
      pairs("anonymous memory", lane.memory, lane.memory.map((each) => mebi(each[1])), { line: { color: colour("sent") } }),
      pairs("gap between heartbeats", lane.beats, lane.beats.map((each) => each[1]),
        { yaxis: "y2", line: { color: colour("handled"), width: 1 } }),
    ], layout(picture, { shapes: windows(picture), yaxis: { title: { text: "MiB" } },
      yaxis2: { title: { text: "ms" }, rangemode: "tozero" } }));
  }

  function latency(place, picture) {
    const line = (found, name, y, tint, width, dash) => ({ type: "scatter", mode: "lines+markers", name, y, marker: { size: 4 },
      x: found.columns.map((column) => (column + 0.5) * found.width_ms), line: { color: colour(tint), width, dash },
      hovertemplate: "%{y:.4g} µs<extra>%{fullData.name}</extra>" });
    const lag = picture.latency, own = picture.handlers;
    return show(place, [line(lag, "median", lag.p50, "handled", 2), line(lag, "90 %", lag.p90, "sent", 1),
      line(lag, "99 %", lag.p99, "unknown", 1), line(lag, "largest", lag.most, "fault", 1),
      line(own, "handler itself, median", own.p50, "handled", 1, "dot"), line(own, "handler itself, largest", own.most, "fault", 1, "dot"),
    ].filter((trace) => trace.x.length), layout(picture, { shapes: windows(picture), yaxis: { type: "log", title: { text: "µs" } } }));
  }

  // Sums over time; where handled falls behind sent for good, messages are missing.
  function ledger(place, picture) {
    const data = [];
    for (const lane of picture.lanes.slice(0, MOST_LINES)) {
      const density = lane.density, x = density.columns.map((column) => (column + 1) * density.width_ms);
      for (const [name, dash] of [["sent", "dot"], ["handled", "solid"]]) {
        let sum = 0;
        const y = density[name].map((count) => (sum += count));
        if (sum) data.push({ type: "scatter", mode: "lines", name: `${text(lane.name)} ${name}`, x, y, line: { dash, shape: "hv" } });
      }
    }
    return show(place, data, layout(picture, { shapes: windows(picture), yaxis: { title: { text: "messages" } } }));
  }

  return { load, timeline, parent, latency, ledger, MOST_LINES };
})();
