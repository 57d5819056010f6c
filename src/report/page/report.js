// Draws a report's charts with uPlot, anew where the width or the colours change. Plain JavaScript, no build.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const byId = new Map(charts.map((chart) => [chart.id, chart]));
  const drawn = new Map();
  /** Points of a line that are marked, and names that are written, at most. */
  const MARKED = 40;
  const NAMED = 12;
  const COLOURS = 12;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colourOf = (index) => colour(`--c${index % COLOURS}`);

  /** One column of x for all series. */
  function columnsOf({ series, x }) {
    const shown = (point) => point.y !== null && (!x.log || point.x > 0);
    const xs = [...new Set(series.flatMap(({ points }) => points.filter(shown).map((point) => point.x)))].sort((a, b) => a - b);
    const place = new Map(xs.map((value, i) => [value, i]));
    const columns = series.map(({ points }) => {
      const column = new Array(xs.length).fill(undefined);
      for (const point of points) if (shown(point)) column[place.get(point.x)] = point.y;
      return column;
    });
    return [xs, ...columns];
  }

  const short = (value) => {
    if (value == null) return "–";
    for (const [unit, letter] of [[1e9, " G"], [1e6, " M"], [1e4, " k"]])
      if (Math.abs(value) >= unit) return `${Number((value / (letter === " k" ? 1e3 : unit)).toPrecision(4))}${letter}`;
    return String(Number(value.toPrecision(5)));
  };

  /** Standard errors, names beside points, and points of a series that share an x, of which uPlot draws one. */
  function details({ series }) {
    return (plot) => {
      const { ctx } = plot;
      const { left, top, width, height } = plot.bbox;
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, top, width, height);
      ctx.clip();
      ctx.setLineDash([]);
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      series.forEach(({ points, style }, i) => {
        ctx.strokeStyle = colourOf(i);
        ctx.fillStyle = colour("--faint");
        ctx.lineWidth = devicePixelRatio;
        for (const { x, y, se, name } of points) {
          if (y === null) continue;
          const at = plot.valToPos(x, "x", true);
          if (se) {
            ctx.beginPath();
            ctx.moveTo(at, plot.valToPos(y - se, "y", true));
            ctx.lineTo(at, plot.valToPos(y + se, "y", true));
            ctx.stroke();
          }
          if (style === "points") {
            ctx.fillStyle = colourOf(i);
            ctx.beginPath();
            ctx.arc(at, plot.valToPos(y, "y", true), 3 * devicePixelRatio, 0, 2 * Math.PI);
            ctx.fill();
            ctx.fillStyle = colour("--faint");
          }
          if (name && points.length <= NAMED) {
            const right = at > left + width * 0.7;
            ctx.textAlign = right ? "right" : "left";
            ctx.fillText(name.length > 28 ? `${name.slice(0, 27)}…` : name, at + (right ? -6 : 6) * devicePixelRatio, plot.valToPos(y, "y", true) - 6 * devicePixelRatio);
          }
        }
      });
      ctx.restore();
    };
  }

  function draw(place) {
    const chart = byId.get(place.dataset.chart);
    const look = `${place.clientWidth} ${colour("--ink")}`;
    if (!chart || drawn.get(place)?.look === look) return;
    drawn.get(place)?.plot.destroy();
    const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const values = (_, ticks) => ticks.map((tick) => (tick == null ? "" : short(tick)));
    const many = Math.max(...chart.series.map(({ points }) => points.length)) > MARKED;
    const [least, most] = chart.series.flatMap(({ points }) => points).reduce(
      ([a, b], { y, se }) => (y === null ? [a, b] : [Math.min(a, y - (se ?? 0)), Math.max(b, y + (se ?? 0))]),
      [Infinity, -Infinity],
    );
    const room = (most - least) * 0.05 || Math.abs(most) * 0.05 || 1;
    const scattered = chart.series.every(({ style }) => style === "points");
    const roomy = (_, from, to) => [from - (to - from || 1) * 0.05, to + (to - from || 1) * 0.05];
    const series = chart.series.map(({ label, style }, i) => ({
      label,
      stroke: colourOf(i),
      width: style === "points" ? 0 : 1.6,
      spanGaps: true,
      ...(style === "points" && { paths: () => null }),
      ...(style === "dashed" && { dash: [5, 4] }),
      points: { show: style === "points" || (style === undefined && !many), size: 6, fill: colourOf(i), stroke: colourOf(i) },
      value: (_, value) => short(value),
    }));
    const options = {
      width: place.clientWidth,
      height: 260,
      legend: { show: true, live: true },
      scales: { x: { time: false, distr: chart.x.log ? 3 : 1, ...(!chart.x.log && scattered && { range: roomy }) }, y: chart.y.log ? { distr: 3 } : { range: [least - room, most + room] } },
      axes: [{ ...axis, values, size: 28, label: chart.x.label, labelGap: 0, labelSize: 18, labelFont: "11px system-ui" }, { ...axis, size: 58, values }],
      series: [{ label: chart.x.label, value: (_, value) => short(value) }, ...series],
      hooks: { draw: [details(chart)] },
    };
    drawn.set(place, { look, plot: new uPlot(options, columnsOf(chart), place) });
  }

  const all = () => document.querySelectorAll(".plot").forEach(draw);
  all();
  addEventListener("resize", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
})();
