/**
 * Runs inside the report, in a browser: draws the line charts with uPlot from the embedded JSON. Plain script, no
 * modules, nothing loaded. Colours are read from the style sheet at every draw, so theme and print need only a redraw.
 */
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const plots = [];

  const two = (n) => String(n).padStart(2, "0");
  const day = (d) => `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`;
  const time = (d, seconds) =>
    `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}${seconds ? `:${two(d.getUTCSeconds())}` : ""}`;

  /** Axis labels in UTC; the date stands below the first label and wherever it changes. */
  function timeLabels(_u, splits, _axis, _space, step) {
    let last = "";
    return splits.map((ms) => {
      const d = new Date(ms);
      if (step >= 86400000) return day(d);
      const date = day(d);
      const label = time(d, step < 60000) + (date === last ? "" : `\n${date}`);
      last = date;
      return label;
    });
  }

  const fixed = (digits) => (_u, value) =>
    value === null || value === undefined ? "–" : format(value, digits);
  const format = (value, digits) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  function axis(label, extra) {
    return {
      label,
      labelSize: 20,
      labelFont: "12px system-ui, sans-serif",
      font: "11px system-ui, sans-serif",
      stroke: () => color("--muted"),
      grid: { stroke: () => color("--grid"), width: 1 },
      ticks: { stroke: () => color("--grid"), width: 1, size: 5 },
      ...extra,
    };
  }

  /** Digits that keep neighbouring axis labels apart. */
  const digitsFor = (step) => Math.min(6, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  const valueLabels = (_u, splits, _axis, _space, step) => splits.map((v) => format(v, digitsFor(step)));

  function line(spec) {
    const stepped = uPlot.paths.stepped({ align: 1 });
    return {
      label: spec.label,
      stroke: () => color(spec.color),
      width: spec.width,
      dash: spec.dash,
      ...(spec.stepped ? { paths: stepped } : {}),
      points: { show: spec.points === true, size: 5 },
      value: fixed(spec.digits),
      spanGaps: false,
    };
  }

  function triangle(ctx, x, y, size, up) {
    const h = up ? -size : size;
    ctx.beginPath();
    ctx.moveTo(x, y + h);
    ctx.lineTo(x + size, y - h * 0.75);
    ctx.lineTo(x - size, y - h * 0.75);
    ctx.closePath();
  }

  function drawFill(u, fill, ratio) {
    const ctx = u.ctx;
    const x = u.valToPos(fill.t, "x", true);
    const y = u.valToPos(fill.y, "y", true);
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
    const hue = color(fill.up ? "--up" : "--down");
    triangle(ctx, x, y, 6 * ratio, fill.up);
    ctx.lineWidth = 4 * ratio;
    ctx.strokeStyle = color("--halo");
    ctx.stroke();
    ctx.fillStyle = fill.buy ? hue : color("--halo");
    ctx.fill();
    ctx.lineWidth = 1.8 * ratio;
    ctx.strokeStyle = hue;
    ctx.stroke();
    if (fill.failed) {
      const s = 8 * ratio;
      ctx.beginPath();
      ctx.moveTo(x - s, y - s);
      ctx.lineTo(x + s, y + s);
      ctx.moveTo(x + s, y - s);
      ctx.lineTo(x - s, y + s);
      ctx.strokeStyle = color("--loss");
      ctx.stroke();
    }
  }

  /** Fill markers with a hint for the one nearest to the pointer. */
  function fillMarkers(fills) {
    const hint = document.createElement("div");
    hint.className = "hint";
    hint.hidden = true;
    return {
      hooks: {
        init: (u) => u.over.append(hint),
        draw: (u) => {
          u.ctx.save();
          for (const fill of fills) drawFill(u, fill, uPlot.pxRatio);
          u.ctx.restore();
        },
        setCursor: (u) => {
          const { left, top } = u.cursor;
          let nearest = null;
          let best = 16;
          for (const fill of fills) {
            const d = Math.hypot(u.valToPos(fill.t, "x") - left, u.valToPos(fill.y, "y") - top);
            if (left >= 0 && d < best) [nearest, best] = [fill, d];
          }
          hint.hidden = nearest === null;
          if (nearest === null) return;
          hint.textContent = nearest.text;
          const x = u.valToPos(nearest.t, "x");
          hint.style.left = x > u.over.clientWidth / 2 ? "" : `${x + 12}px`;
          hint.style.right = x > u.over.clientWidth / 2 ? `${u.over.clientWidth - x + 12}px` : "";
          hint.style.top = `${Math.min(u.valToPos(nearest.y, "y") + 10, u.over.clientHeight - 50)}px`;
        },
      },
    };
  }

  /** Shows `whole` while all data is in view, and what the reader dragged to otherwise. */
  const wholeOr = (whole) => (u, min, max) => {
    const x = u.data[0];
    const all = min === null || min === undefined || x.length === 0 ||
      (min <= x[0] && max >= x[x.length - 1]);
    return all ? whole : [min, max];
  };

  function optionsOf(spec, width) {
    const ordinal = spec.times !== undefined;
    const xValue = (_u, v) => {
      if (v === null || v === undefined) return "–";
      if (!ordinal) return `${day(new Date(v))} ${time(new Date(v), true)}`;
      const at = spec.times[spec.x.indexOf(v)];
      return at === null || at === undefined
        ? `${v}`
        : `${v} (${day(new Date(at))} ${time(new Date(at), false)})`;
    };
    return {
      width,
      height: Math.max(260, Math.min(spec.height, Math.round(width * 0.75))),
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), "Etc/UTC"),
      padding: [12, 26, 0, 0],
      cursor: { drag: { x: true, y: false }, focus: { prox: 24 }, points: { size: 6 } },
      focus: { alpha: 0.35 },
      scales: {
        x: { time: !ordinal, ...(spec.xRange ? { range: wholeOr(spec.xRange) } : {}) },
        y: spec.yRange ? { range: spec.yRange } : {},
      },
      axes: [
        axis(
          spec.xLabel,
          ordinal
            ? { values: valueLabels, size: 26, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] }
            : {
              values: timeLabels,
              space: 70,
              size: 40,
            },
        ),
        axis(spec.yLabel, { values: valueLabels, size: (_u, labels) => 18 + 6.2 * widest(labels) }),
      ],
      series: [{ label: spec.xName, value: xValue }, ...spec.series.map(line)],
      bands: spec.band ? [{ series: spec.band, fill: () => `${color("--s1")}1f` }] : [],
      legend: { markers: { width: 2 } },
      plugins: spec.fills ? [fillMarkers(spec.fills)] : [],
    };
  }

  const widest = (labels) => Math.max(3, ...(labels ?? []).map((label) => String(label).length));

  function build(host) {
    const spec = data.charts[host.dataset.chart];
    if (spec === undefined || host.dataset.built) return;
    host.dataset.built = "yes";
    const width = Math.max(240, host.clientWidth);
    const plot = new uPlot(optionsOf(spec, width), [spec.x, ...spec.series.map((s) => s.y)], host);
    plots.push({ host, plot, spec });
  }

  function resize(width) {
    for (const { host, plot, spec } of plots) {
      const w = width ?? Math.max(240, host.clientWidth);
      const h = Math.max(260, Math.min(spec.height, Math.round(w * 0.75)));
      if (host.clientWidth > 0 && (w !== plot.width || h !== plot.height)) {
        plot.setSize({ width: w, height: h });
      }
    }
  }

  const redraw = () => plots.forEach(({ plot }) => plot.redraw(false, true));
  const visible = (host) => host.closest("details") === null || host.closest("details").open;
  const hosts = [...document.querySelectorAll("[data-chart]")];
  hosts.filter(visible).forEach(build);
  for (const details of document.querySelectorAll("details")) {
    details.addEventListener("toggle", () => {
      if (details.open) details.querySelectorAll("[data-chart]").forEach(build);
      resize();
    });
  }
  addEventListener("resize", () => resize());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    resize(660);
    redraw();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    resize();
    redraw();
  });
})();
