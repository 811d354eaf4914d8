/**
 * Runs inside the dashboard's page: takes states from the event stream and puts them on the screen. Plain script, no
 * modules, nothing loaded. Text is only ever set as text, so nothing a venue writes can become markup.
 */
(() => {
  const MICRO = 1e6;
  const DASH = "–";
  /** Without a message for this long the page says so, ms. */
  const STALE_MS = 3000;
  /** A session that takes no event for this long is not well, ms. */
  const QUIET_MS = 5000;
  const SVG = "http://www.w3.org/2000/svg";

  const byId = (id) => document.getElementById(id);
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // ---- figures -------------------------------------------------------------------------------------------------

  function decimal(value, digits) {
    if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
    const text = Math.abs(value).toLocaleString("en-US", {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
  }
  const money = (micro) => micro === null ? DASH : decimal(micro / MICRO, 2);
  const signed = (micro) => {
    const text = money(micro);
    return micro > 0 && /[1-9]/.test(text) ? `+${text}` : text;
  };
  const tone = (value) => value === null || value === 0 ? "" : value > 0 ? "gain" : "loss";
  const count = (n) => decimal(n, 0);
  const percent = (share, digits = 1) => share === null ? DASH : `${decimal(share * 100, digits)} %`;
  const price = (p) => p === null ? DASH : decimal(p / 10000, p % 100 === 0 ? 2 : p % 10 === 0 ? 3 : 4);
  const clock = (ms) => ms === null ? "--:--:--" : new Date(ms).toISOString().slice(11, 19);
  const name = (word) => word.charAt(0).toUpperCase() + word.slice(1);
  const micros = (us) =>
    us < 1000
      ? `${decimal(us, us < 10 ? 1 : 0)} µs`
      : us < 1e6
      ? `${decimal(us / 1000, us < 10000 ? 2 : 1)} ms`
      : `${decimal(us / 1e6, 2)} s`;
  const age = (ms) =>
    ms === null
      ? DASH
      : ms < 1000
      ? `${decimal(ms, 0)} ms`
      : ms < 60000
      ? `${decimal(ms / 1000, 1)} s`
      : `${decimal(ms / 60000, 0)} min`;
  const left = (ms) => {
    const s = Math.max(0, Math.ceil(ms / 1000));
    const two = (n) => String(n).padStart(2, "0");
    return s >= 3600
      ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
      : `${Math.floor(s / 60)}:${two(s % 60)}`;
  };
  const thing = (usd) => decimal(usd, usd >= 1000 ? 2 : usd >= 10 ? 3 : 5);

  // ---- elements ------------------------------------------------------------------------------------------------

  function el(tag, className = "", text = null) {
    const node = document.createElement(tag);
    if (className !== "") node.className = className;
    if (text !== null) node.textContent = text;
    return node;
  }
  const svgEl = (tag, attributes) => {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  /** Only touches what changed, so that a selection and a scroll position survive. */
  function put(node, text, className) {
    if (node.textContent !== text) node.textContent = text;
    if (className !== undefined && node.className !== className) node.className = className;
  }
  const width = (node, share) => node.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;

  /** `{ text, tone }` or a node or plain text. */
  function fillCell(cell, value, className) {
    if (value instanceof Node) {
      if (cell.firstChild !== value) cell.replaceChildren(value);
      cell.className = className;
    } else if (value !== null && typeof value === "object") {
      put(cell, value.text, `${className} ${value.tone}`.trim());
    } else put(cell, value, className);
  }

  /** A table that is patched row by row; `empty` stands in its place without rows. */
  function table(host, columns, empty) {
    const scroll = el("div", "scroll");
    scroll.tabIndex = 0;
    const node = el("table");
    const head = el("tr");
    for (const column of columns) {
      const th = el("th", column.kind, column.label);
      th.scope = "col";
      head.append(th);
    }
    const thead = el("thead");
    thead.append(head);
    const body = el("tbody");
    node.append(thead, body);
    scroll.append(node);
    const nothing = el("p", "empty", empty);
    host.replaceChildren(nothing, scroll);
    return (rows) => {
      nothing.hidden = rows.length > 0;
      scroll.hidden = rows.length === 0;
      while (body.rows.length > rows.length) body.deleteRow(-1);
      rows.forEach((row, i) => {
        const tr = body.rows[i] ?? body.insertRow();
        columns.forEach((column, k) => {
          fillCell(tr.cells[k] ?? tr.insertCell(), row[k], column.kind);
        });
      });
    };
  }
  const num = (label) => ({ label, kind: "num" });
  const plain = (label) => ({ label, kind: "plain" });
  const text = (label) => ({ label, kind: "text" });

  // ---- header, tiles -------------------------------------------------------------------------------------------

  function tilesOf(s) {
    const { money: m, counts: c } = s;
    const lost = c.trades - c.wins;
    return [
      ["Equity", money(m.equity), "", `bankroll ${money(m.bankroll)}`],
      ["PnL, provisional", signed(m.pnlProvisional), tone(m.pnlProvisional), "with open positions"],
      ["PnL, final", signed(m.pnlFinal), tone(m.pnlFinal), `fees ${money(m.fees)}`],
      ["Unrealised", signed(m.unrealised), tone(m.unrealised), "at the bid, with fees"],
      ["Exposure", money(m.exposure), "", `free ${money(m.free)}`],
      [
        "Win rate",
        c.trades === 0 ? DASH : percent(c.wins / c.trades),
        "",
        c.trades === 0 ? "no trade is over" : `${count(c.wins)} won, ${count(lost)} lost`,
      ],
      [
        "Average trade",
        signed(c.averageTrade),
        tone(c.averageTrade),
        c.trades === 0 ? DASH : `${signed(c.worstTrade)} to ${signed(c.bestTrade)}`,
      ],
      [
        "Drawdown",
        money(m.drawdown),
        m.drawdown > 0 ? "loss" : "",
        `largest ${money(m.maxDrawdown)}`,
      ],
    ];
  }

  const tileHost = byId("tiles");
  function showTiles(list) {
    list.forEach(([label, value, className, sub], i) => {
      let tile = tileHost.children[i];
      if (tile === undefined) {
        tile = el("div", "tile");
        tile.append(el("div", "label"), el("div", "value"), el("div", "sub"));
        tileHost.append(tile);
      }
      put(tile.children[0], label);
      put(tile.children[1], value, `value ${className}`.trim());
      put(tile.children[2], sub);
      tile.children[2].title = sub;
    });
  }

  function showHeader(s) {
    const { session } = s;
    const assets = session.assets.join(", ").toUpperCase();
    put(byId("kind"), `poly-edge · ${session.venue} · ${session.id}`);
    put(byId("title"), `${session.strategy} on ${assets} ${session.durations.join(", ")}`);
    const mode = byId("mode");
    mode.hidden = false;
    const label = session.source === "record" ? `${session.mode} record` : session.mode;
    put(mode, label.toUpperCase(), session.mode === "live" ? "badge live" : "badge");
    put(byId("clock"), clock(s.venueMs));
    document.title = `${signed(s.money.pnlProvisional)} · ${session.strategy} · poly-edge`;
    put(
      byId("foot"),
      `poly-edge ${session.version}. All times are UTC, all money is pUSD. ${
        count(s.counts.events)
      } events, ${count(s.counts.evaluations)} decisions, ${count(s.counts.orders)} orders, ${
        count(s.counts.fills)
      } fills.`,
    );
  }

  // ---- market cards --------------------------------------------------------------------------------------------

  const cardHost = byId("markets");
  const noMarkets = el("p", "empty", "No window is open. The next one shows up here by itself.");
  const cards = new Map();
  let series = new Map();

  function newCard() {
    const root = el("article", "card");
    const head = el("header");
    const title = el("span", "name");
    const label = el("span");
    const length = el("small");
    title.append(label, length);
    const time = el("span", "left");
    head.append(title, time);
    const line = el("div", "line");
    const prob = el("div", "prob");
    const probLabel = el("small", "", "Up");
    const probValue = el("span");
    prob.append(probLabel, probValue);
    const quote = el("div", "quote");
    const [quoteA, quoteB] = [el("div"), el("div")];
    quote.append(quoteA, quoteB);
    line.append(prob, quote);
    const odds = el("div", "odds");
    odds.setAttribute("role", "img");
    const [upPart, fairMark] = [el("div", "up-part"), el("i", "fair-mark")];
    odds.append(upPart, fairMark);
    const spark = svgEl("svg", { class: "spark", viewBox: "0 0 300 64", preserveAspectRatio: "none" });
    spark.setAttribute("aria-hidden", "true");
    const lines = {
      half: svgEl("line", { class: "half", x1: 0, x2: 300, y1: 32, y2: 32 }),
      fair: svgEl("path", { class: "fair", "vector-effect": "non-scaling-stroke" }),
      mid: svgEl("path", { class: "mid", "vector-effect": "non-scaling-stroke" }),
    };
    spark.append(lines.half, lines.fair, lines.mid);
    const facts = el("dl");
    const fact = (term) => {
      const value = el("dd");
      facts.append(el("dt", "", term), value);
      return value;
    };
    const [strike, spot, flowCell, age] = [
      fact("Price to beat"),
      fact("Price now"),
      fact("Taker flow"),
      fact("Age"),
    ];
    const flow = el("div", "flow");
    const flowBar = el("i");
    flow.append(flowBar);
    flowCell.append(flow);
    const foot = el("div", "foot");
    const [held, result] = [el("span"), el("span")];
    foot.append(held, result);
    const elapsed = el("div", "elapsed");
    root.append(head, line, odds, spark, facts, foot, elapsed);
    return {
      root,
      label,
      length,
      time,
      probValue,
      quoteA,
      quoteB,
      odds,
      upPart,
      fairMark,
      lines,
      strike,
      spot,
      flow,
      flowBar,
      age,
      held,
      result,
      elapsed,
    };
  }

  function pathOf(points, chart, values) {
    const span = chart.endMs - chart.startMs;
    let d = "";
    let pen = false;
    chart.tMs.forEach((t, i) => {
      const value = values[i];
      if (value === null) {
        pen = false;
        return;
      }
      const x = Math.round((t - chart.startMs) / span * 3000) / 10;
      const y = Math.round((1 - value) * 600) / 10 + 2;
      d += `${pen ? "L" : "M"}${x} ${y}`;
      pen = true;
    });
    if (points.getAttribute("d") !== d) points.setAttribute("d", d);
  }

  function showOdds(card, m) {
    // With one side left there is no mid, but the side says enough.
    const oneSided = m.ask !== null ? ["≤ ", m.ask / 10000] : m.bid !== null ? ["≥ ", m.bid / 10000] : null;
    const [sign, odds] = m.mid !== null ? ["", m.mid] : oneSided ?? ["", null];
    put(card.probValue, odds === null ? DASH : `${sign}${percent(odds)}`);
    card.odds.className = odds === null ? "odds none" : "odds";
    width(card.upPart, odds ?? 0);
    card.fairMark.hidden = m.fair === null;
    if (m.fair !== null) card.fairMark.style.left = `${m.fair * 100}%`;
    card.odds.setAttribute(
      "aria-label",
      `Up ${odds === null ? "not quoted" : sign + percent(odds)}, strategy ${
        m.fair === null ? "silent" : percent(m.fair)
      }`,
    );
    put(card.quoteA, `bid ${price(m.bid)}  ask ${price(m.ask)}`);
    const v = m.velocity;
    const parts = [
      ...(v === null ? [] : [`${v > 0 ? "+" : ""}${decimal(v * 100, 1)} ¢ in 2 s`]),
      ...(m.fair === null ? [] : [`fair ${percent(m.fair)}`]),
    ];
    put(card.quoteB, parts.join(", "));
  }

  function showFlow(card, flow) {
    card.flow.hidden = flow === null;
    if (flow === null) return;
    const share = Math.min(0.5, Math.abs(flow) / 2);
    width(card.flowBar, share);
    card.flowBar.style.left = `${(flow < 0 ? 0.5 - share : 0.5) * 100}%`;
    card.flowBar.className = flow < 0 ? "a-down" : "a-up";
    card.flow.title = `Balance of taker dollars ${decimal(flow * 100, 0)} %`;
  }

  function showCard(card, m, venueMs) {
    put(card.label, m.asset.toUpperCase());
    put(card.length, m.duration);
    card.root.title = m.slug;
    card.root.className = `card ${m.phase}${m.stale ? " late" : ""}`;
    const span = m.endMs - m.startMs;
    const rest = m.endMs - venueMs;
    const soon = rest < Math.min(120000, span / 5);
    if (m.phase === "running") put(card.time, left(rest), soon ? "left soon" : "left");
    else if (m.phase === "next") put(card.time, `starts in ${left(m.startMs - venueMs)}`, "left dim");
    else put(card.time, "waits for its result", "left dim");
    showOdds(card, m);
    const strike = m.strike === null ? null : Number(m.strike);
    put(card.strike, strike === null ? "not known yet" : thing(strike), strike === null ? "dim" : "");
    const off = strike === null || m.fastPrice === null ? null : m.fastPrice / strike - 1;
    const offText = off === null ? "" : ` (${off > 0 ? "+" : ""}${decimal(off * 100, 3)} %)`;
    put(card.spot, m.fastPrice === null ? DASH : `${thing(m.fastPrice)}${offText}`);
    showFlow(card, m.flow);
    put(card.age, `book ${age(m.bookAgeMs)}, price ${age(m.fastAgeMs)}`, m.stale ? "age bad" : "age");
    const p = m.position;
    put(
      card.held,
      p === null
        ? "no position"
        : `${decimal(p.shares / MICRO, 2)} ${name(p.outcome)} @ ${price(p.averagePrice)}`,
      p === null ? "dim" : "",
    );
    const shown = p?.unrealised ?? (m.fills > 0 ? m.pnl : null);
    const word = p !== null ? "open" : m.winner === null ? "closed" : `ended ${name(m.winner)},`;
    put(
      card.result,
      shown === null ? (m.winner === null ? "" : `ended ${name(m.winner)}`) : `${word} ${signed(shown)}`,
      tone(shown),
    );
    width(card.elapsed, (venueMs - m.startMs) / span);
  }

  function showMarkets(s) {
    const keep = new Set();
    for (const m of s.markets) {
      keep.add(m.slug);
      let card = cards.get(m.slug);
      if (card === undefined) {
        card = newCard();
        cards.set(m.slug, card);
        drawSpark(m.slug, card);
      }
      showCard(card, m, s.venueMs ?? s.madeAt);
    }
    for (const [slug, card] of cards) {
      if (keep.has(slug)) continue;
      card.root.remove();
      cards.delete(slug);
    }
    s.markets.forEach((m, i) => {
      const { root } = cards.get(m.slug);
      if (cardHost.children[i] !== root) cardHost.insertBefore(root, cardHost.children[i] ?? null);
    });
    if (s.markets.length === 0) cardHost.replaceChildren(noMarkets);
    else noMarkets.remove();
  }

  function drawSpark(slug, card) {
    const chart = series.get(slug);
    if (chart === undefined) return;
    pathOf(card.lines.mid, chart, chart.mid);
    pathOf(card.lines.fair, chart, chart.fair);
  }

  // ---- equity --------------------------------------------------------------------------------------------------

  const plotHost = el("div", "live-plot");
  plotHost.setAttribute("role", "img");
  plotHost.setAttribute("aria-label", "Equity of the session over time in pUSD");
  const noEquity = el("p", "empty", "No equity yet: it begins with the first event.");
  byId("equity-body").append(noEquity, plotHost);
  plotHost.hidden = true;
  let plot = null;

  function equityOptions() {
    const axis = (extra) => ({
      stroke: () => color("--muted"),
      grid: { stroke: () => color("--grid"), width: 1 },
      ticks: { stroke: () => color("--grid"), width: 1, size: 5 },
      font: "11px system-ui, sans-serif",
      ...extra,
    });
    const day = (v) => new Date(v).toISOString().slice(11, 19);
    return {
      width: Math.max(200, plotHost.clientWidth),
      height: plotHost.clientHeight,
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), "Etc/UTC"),
      padding: [10, 12, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: true }, y: { range: (_u, min, max) => padded(min, max) } },
      axes: [
        axis({
          space: 80,
          values: (_u, splits, _a, _s, step) => splits.map((v) => day(v).slice(0, step < 60000 ? 8 : 5)),
        }),
        axis({
          size: 70,
          values: (_u, splits, _a, _s, step) => splits.map((v) => decimal(v, step < 1 ? 2 : 0)),
        }),
      ],
      series: [{}, {
        label: "equity",
        stroke: () => color("--s1"),
        width: 2,
        paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: false },
        fill: () => `${color("--s1")}14`,
      }],
      hooks: {
        setCursor: [(u) => {
          const at = u.cursor.idx;
          const [t, v] = at === null || at === undefined ? [null, null] : [u.data[0][at], u.data[1][at]];
          put(
            byId("equity-note"),
            t === null || t === undefined
              ? "cash and open positions at the bid"
              : `${day(t)}  ${decimal(v, 2)}`,
          );
        }],
      },
    };
  }
  function padded(min, max) {
    if (min === null || max === null) return [0, 1];
    const room = Math.max((max - min) * 0.12, Math.abs(max) * 0.0005, 0.01);
    return [min - room, max + room];
  }

  function showEquity({ tMs, equity }) {
    const has = tMs.length > 0;
    noEquity.hidden = has;
    plotHost.hidden = !has;
    if (!has) return;
    const data = [tMs, equity.map((v) => v / MICRO)];
    if (plot === null) plot = new uPlot(equityOptions(), data, plotHost);
    else plot.setData(data);
  }
  new ResizeObserver(() => {
    if (plot !== null && plotHost.clientWidth > 0) {
      plot.setSize({ width: Math.max(200, plotHost.clientWidth), height: plotHost.clientHeight });
    }
  }).observe(plotHost);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot?.redraw(false, true));

  // ---- strategy and learning -----------------------------------------------------------------------------------

  const policyHost = byId("policy-body");
  const shares = el("div", "shares");
  const legend = el("div", "legend");
  const figures = el("dl", "figures");
  const learnTitle = el("h3", "", "Learning");
  const noLearning = el("p", "empty", "Nothing is trained in this session.");
  const learnFigures = el("dl", "figures");
  const learnPlots = el("div", "small-plots");
  policyHost.append(shares, legend, figures, learnTitle, noLearning, learnFigures, learnPlots);

  function showFigures(host, list) {
    list.forEach(([term, value], i) => {
      let group = host.children[i];
      if (group === undefined) {
        group = el("div");
        group.append(el("dt"), el("dd"));
        host.append(group);
      }
      put(group.children[0], term);
      put(group.children[1], value);
    });
    while (host.children.length > list.length) host.lastChild.remove();
  }

  function showPolicy(s) {
    const { actions } = s.policy;
    const total = actions.hold + actions.up + actions.down + actions.close;
    ["up", "down", "close", "hold"].forEach((action, i) => {
      const bar = shares.children[i] ?? shares.appendChild(el("i", `a-${action}`));
      width(bar, total === 0 ? 0 : actions[action] / total);
      let key = legend.children[i];
      if (key === undefined) {
        key = legend.appendChild(el("span"));
        key.append(el("i", `a-${action}`), el("span"));
      }
      put(key.children[1], `${action} ${count(actions[action])}`);
    });
    put(byId("policy-note"), s.policy.name);
    showFigures(figures, [
      ["Forecasts judged", count(s.policy.forecasts)],
      ["Right at half-time", percent(s.policy.accuracy, 0)],
      ["Brier score", decimal(s.policy.brier, 3)],
      ["Mean confidence", percent(s.policy.confidence, 0)],
    ]);
    showLearning(s.training);
  }

  const CURVES = [["reward", "Reward", 3], ["policyLoss", "Policy loss", 4], ["valueLoss", "Value loss", 3], [
    "entropy",
    "Entropy",
    3,
  ]];

  function curve(values) {
    const known = values.filter((v) => v !== null);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    let d = "";
    let pen = false;
    values.forEach((v, i) => {
      if (v === null) {
        pen = false;
        return;
      }
      const x = values.length < 2 ? 0 : i / (values.length - 1) * 200;
      const y = high === low ? 23 : 43 - (v - low) / (high - low) * 40;
      d += `${pen ? "L" : "M"}${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
      pen = true;
    });
    return d;
  }

  function showLearning(rows) {
    const has = rows.length > 0;
    noLearning.hidden = has;
    learnFigures.hidden = !has;
    learnPlots.hidden = !has;
    if (!has) return;
    const last = rows[rows.length - 1];
    showFigures(learnFigures, [
      ["Updates", count(last.update)],
      ["Steps", count(last.steps)],
      ["KL", decimal(last.approxKl, 4)],
      ["Clip fraction", percent(last.clipFraction)],
      ["Explained variance", decimal(last.explainedVariance, 3)],
      ["Buffer", count(last.buffer)],
    ]);
    CURVES.forEach(([key, label, digits], i) => {
      let box = learnPlots.children[i];
      if (box === undefined) {
        box = el("div");
        const line = el("div", "label");
        line.append(el("span", "", label), el("b"));
        const svg = svgEl("svg", {
          viewBox: "0 0 200 46",
          preserveAspectRatio: "none",
          "aria-hidden": "true",
        });
        svg.append(svgEl("path", { "vector-effect": "non-scaling-stroke" }));
        box.append(line, svg);
        learnPlots.append(box);
      }
      put(box.children[0].children[1], decimal(last[key], digits));
      box.children[1].firstChild.setAttribute("d", curve(rows.map((row) => row[key])));
    });
  }

  // ---- tables --------------------------------------------------------------------------------------------------

  const positions = table(byId("positions-body"), [
    plain("Window"),
    plain("Side"),
    num("Shares"),
    num("Average"),
    num("Cost"),
    num("Value"),
    num("Unrealised"),
  ], "Nothing is held.");
  const fills = table(byId("fills-body"), [
    plain("Time"),
    plain("Window"),
    plain("What"),
    num("Price"),
    num("Shares"),
    num("Fee"),
    plain("Status"),
  ], "Nothing was filled yet.");
  const latency = table(byId("latency-body"), [
    plain("Stage"),
    num("p50"),
    num("p95"),
    num("p99"),
    num("Max"),
    num("Samples"),
    plain("Range (log)"),
  ], "No stage was timed yet.");
  const feeds = table(byId("feeds-body"), [
    plain("Feed"),
    plain("State"),
    num("Per s"),
    num("Data age"),
    num("Age p50"),
    num("p99"),
    num("Gaps · reconn. · unread"),
  ], "This session has no sockets.");
  const notSent = table(
    byId("not-sent-body"),
    [plain("Reason"), num("Times"), text("Meaning")],
    [
      "Every order that was decided was also sent.",
    ][0],
  );

  const short = (slug) =>
    slug.replace(/-updown-/, " ").replace(/-(\d{10})$/, (_, s) => ` ${clock(Number(s) * 1000).slice(0, 5)}`);
  const window_ = (slug) => {
    const node = el("span", "mono", short(slug));
    node.title = slug;
    return node;
  };
  const faults = (f) => {
    const list = [f.gaps, f.reconnects, f.unrecognised];
    return { text: list.map(count).join(" · "), tone: list.some((n) => n > 0) ? "loss" : "" };
  };

  const ranges = [];
  /** Bar from p50 to p99 and a tick at the largest, from 1 µs to 10 s in equal decades. */
  function range(i, stage) {
    const node = ranges[i] ??= (() => {
      const made = el("div", "range");
      made.append(el("i"), el("u"));
      return made;
    })();
    const at = (us) => Math.min(1, Math.max(0, Math.log10(Math.max(1, us)) / 7));
    const [from, to] = [at(stage.p50Us), at(stage.p99Us)];
    node.children[0].style.left = `${from * 100}%`;
    width(node.children[0], Math.max(0.012, to - from));
    node.children[1].style.left = `${at(stage.maxUs) * 100}%`;
    return node;
  }

  function showTables(s) {
    positions(s.positions.map((p) => [
      window_(p.slug),
      { text: name(p.outcome), tone: "" },
      decimal(p.shares / MICRO, 2),
      price(p.averagePrice),
      money(p.cost),
      money(p.value),
      { text: signed(p.unrealised), tone: tone(p.unrealised) },
    ]));
    fills(s.fills.map((f) => [
      clock(f.tMs),
      window_(f.slug),
      `${f.side === "buy" ? "Buy" : "Sell"} ${name(f.outcome)}`,
      price(f.price),
      decimal(f.size / MICRO, 2),
      decimal(f.fee / MICRO, 4),
      { text: f.status, tone: f.status === "failed" ? "loss" : f.status === "confirmed" ? "" : "dim" },
    ]));
    latency(
      s.latency.filter((stage) => stage.n > 0).map((stage, i) => [
        stage.stage,
        ...[stage.p50Us, stage.p95Us, stage.p99Us, stage.maxUs].map(micros),
        count(stage.n),
        range(i, stage),
      ]),
    );
    feeds(s.feeds.map((f) => [
      { text: f.feed, tone: "mono" },
      { text: f.state, tone: `state-${f.state}` },
      decimal(f.perSecond, 1),
      age(f.dataAgeMs),
      age(f.ageMsP50),
      age(f.ageMsP99),
      faults(f),
    ]));
    notSent(s.notSent.map((n) => [{ text: n.code, tone: "mono" }, count(n.count), n.meaning]));
  }

  // ---- the stream ----------------------------------------------------------------------------------------------

  let state = null;
  let lastAt = null;
  let ended = false;

  function bannerOf() {
    const since = lastAt === null ? null : performance.now() - lastAt;
    if (state === null) return since === null ? null : { text: "No session answers.", alarm: true };
    if (ended) {
      return { text: `The session is over. These are its last figures, of ${clock(state.madeAt)} UTC.` };
    }
    if (since > STALE_MS) {
      return {
        text: `No update for ${age(since)}. These figures are of ${clock(state.madeAt)} UTC.`,
        alarm: true,
      };
    }
    if (state.latch !== null) return { text: `Stopped by ${state.latch}: no new positions.`, alarm: true };
    if (state.run === "ended") return { text: "The record ends here." };
    if (state.quietMs > QUIET_MS) {
      return { text: `The session has taken no event for ${age(state.quietMs)}.`, alarm: true };
    }
    const down = state.feeds.filter((f) => f.state === "down" || f.state === "late");
    if (down.length > 0) {
      return { text: `Not live: ${down.map((f) => `${f.feed} (${f.state})`).join(", ")}.` };
    }
    return null;
  }

  function showConnection() {
    const since = lastAt === null ? null : performance.now() - lastAt;
    const stale = !ended && since !== null && since > STALE_MS;
    document.body.classList.toggle("stale", stale);
    document.body.classList.toggle("waiting", state === null);
    const over = ended || state?.run === "ended";
    const kind = since === null ? "connecting" : stale ? "stale" : over ? "ended" : "live";
    const conn = byId("conn");
    conn.dataset.state = kind;
    put(byId("conn-text"), kind);
    const banner = byId("banner");
    const found = bannerOf();
    banner.hidden = found === null;
    if (found !== null) put(banner, found.text, found.alarm ? "banner alarm" : "banner");
  }

  function onState(event) {
    const next = JSON.parse(event.data);
    if (state !== null && state.session.id !== next.session.id) {
      plot?.destroy();
      plot = null;
      series = new Map();
    }
    state = next;
    lastAt = performance.now();
    ended = false;
    showHeader(state);
    showTiles(tilesOf(state));
    showMarkets(state);
    showPolicy(state);
    showTables(state);
    showConnection();
  }

  function onCharts(event) {
    const charts = JSON.parse(event.data);
    series = new Map(charts.windows.map((chart) => [chart.slug, chart]));
    for (const [slug, card] of cards) drawSpark(slug, card);
    showEquity(charts.equity);
  }

  const stream = new EventSource("events");
  stream.addEventListener("state", onState);
  stream.addEventListener("charts", onCharts);
  stream.addEventListener("bye", () => {
    ended = true;
    showConnection();
  });
  setInterval(showConnection, 500);
})();
