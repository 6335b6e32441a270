"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip"), done = document.getElementById("done");
  const views = new Map();
  let lit = null;

  const rows = ({ columns, every }) => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, row) =>
      ({ ...every, ...Object.fromEntries(names.map((name) => [name, columns[name][row]])) }));
  };

  const show = (handler, event, item, value) => {
    tip.hidden = !value;
    if (!value) return;
    tip.replaceChildren(...Object.entries(value).map(([name, text]) => {
      const line = document.createElement("div");
      line.textContent = `${name}: ${text}`;
      return line;
    }));
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
    tip.style.top = `${event.clientY + height + 20 > innerHeight ? event.clientY - height - 12 : event.clientY + 16}px`;
  };

  const draw = async (figure) => {
    const chart = data.charts[figure.dataset.chart], kind = data.kinds[chart.kind];
    const scale = figure.dataset.scale || kind.scale, box = figure.querySelector(".live");
    const spec = structuredClone(kind[scale]);
    spec.data.find((one) => one.name === "table").values = rows(chart);
    views.get(figure)?.finalize();
    figure.classList.remove("has-live");
    spec.width = Math.max(240, figure.clientWidth);
    if (figure.dataset.height) spec.height = Number(figure.dataset.height);
    const lighting = spec.signals.find((one) => one.name === "lit");
    if (lighting) lighting.value = lit;
    const options = { mode: "vega", renderer: "svg", actions: false, defaultStyle: false, tooltip: show, logLevel: 1 };
    const { view } = await vegaEmbed(box, spec, options);
    const svg = box.querySelector("svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", chart.told);
    figure.classList.add("has-live");
    views.set(figure, view);
  };

  const zoom = (figure, factor) => {
    const view = views.get(figure), { signals } = view.getState();
    const [low, high] = view.scale("x").domain();
    const middle = (low + high) / 2, half = (high - low) / 2 * factor;
    view.signal("zoom_x" in signals ? "zoom_x" : "zoom_left", [middle - half, middle + half]);
    if ("zoom_y" in signals) view.signal("zoom_y", view.scale("y").domain());  // both, or there is no selection
    view.run();
  };

  const button = (text, label, act) => {
    const found = document.createElement("button");
    Object.assign(found, { type: "button", textContent: text });
    found.setAttribute("aria-label", label);
    found.addEventListener("click", act);
    return found;
  };

  const equip = (figure) => {
    const tools = document.createElement("span"), title = figure.dataset.title;
    tools.className = "tools";
    const kind = data.kinds[data.charts[figure.dataset.chart].kind];
    if (kind.log && kind.linear) {
      const other = () => (figure.dataset.scale || kind.scale) === "log" ? "linear" : "log";
      const scale = button(other(), `Scale of ${title}: switch to ${other()}`, () => {
        figure.dataset.scale = other();
        draw(figure);
        scale.textContent = other();
        scale.setAttribute("aria-label", `Scale of ${title}: switch to ${other()}`);
      });
      tools.append(scale);
    }
    tools.append(button("+", `Zoom into ${title}`, () => zoom(figure, 0.6)));
    tools.append(button("−", `Zoom out of ${title}`, () => zoom(figure, 1 / 0.6)));
    tools.append(button("⤢", `Show all of ${title}`, () => draw(figure)));
    figure.querySelector("figcaption").append(tools);
  };

  const light = (name) => {
    lit = name;
    for (const view of views.values()) view.signal("lit", lit).run();
    document.querySelectorAll("[data-series]").forEach((one) => {
      const on = one.dataset.series === lit;
      one.classList.toggle("lit", on);
      if (one.matches("button")) one.setAttribute("aria-pressed", String(on));
    });
  };

  let kept = null;
  document.querySelectorAll("[data-series]").forEach((one) => {
    one.addEventListener("pointerenter", () => light(one.dataset.series));
    one.addEventListener("pointerleave", () => light(kept));
    if (one.matches("button")) one.addEventListener("click", () => {
      kept = kept === one.dataset.series ? null : one.dataset.series;
      light(kept);
    });
  });

  const page = document.documentElement;
  const seen = new IntersectionObserver(async (entries) => {
    await Promise.all(entries.filter((entry) => entry.isIntersecting).map((entry) => {
      seen.unobserve(entry.target);
      equip(entry.target);
      return draw(entry.target);
    }));
    page.dataset.ready ??= String(Math.round(performance.now()));
  });
  document.querySelectorAll("figure[data-chart]").forEach((figure) => seen.observe(figure));
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => views.forEach((view, figure) =>
      figure.clientWidth && view.width(Math.max(240, figure.clientWidth)).run()), 150);
  });

  document.querySelectorAll("select[data-charts]").forEach((select) => select.addEventListener("change", () => {
    document.getElementById(select.dataset.charts).querySelectorAll("figure").forEach((figure) => {
      figure.dataset.chart = JSON.parse(figure.dataset.choices)[select.value];
      delete figure.dataset.scale;
      figure.dataset.title = data.charts[figure.dataset.chart].title;
      figure.querySelector("figcaption span").textContent = figure.dataset.title;
      figure.querySelector(".tools")?.remove();
      equip(figure);
      draw(figure);
    });
  }));

  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let one = target; one; one = one.parentElement) if (one.matches("details")) one.open = true;
    if (target?.nextElementSibling?.matches("details")) target.nextElementSibling.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) open();
  });
  open();

  document.querySelectorAll("[data-copy]").forEach((one) => one.addEventListener("click", async () => {
    const text = document.getElementById(one.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(one.dataset.copy));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    one.textContent = "Copied";
    done.textContent = `Copied: ${text}`;
    setTimeout(() => { one.textContent = "Copy"; }, 2000);
  }));

  document.querySelectorAll("[data-all]").forEach((one) => one.addEventListener("click", () => {
    const on = document.getElementById(one.dataset.all).classList.toggle("all");
    one.setAttribute("aria-expanded", String(on));
    one.textContent = on ? "Fewer columns" : "All columns";
  }));

  document.querySelectorAll("table").forEach((table) => {
    const heads = [...table.querySelectorAll("thead tr:last-child th")];
    heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      const compare = (row, other) => {
        const [cell, another] = [row.cells[column], other.cells[column]];
        const [value, next] = [cell.dataset.value, another.dataset.value];
        if (value === undefined) return sign * cell.textContent.localeCompare(another.textContent);
        if (value === "" || next === "") return (value === "") - (next === "");
        return sign * (Number(value) - Number(next)) || 0;
      };
      for (const body of table.tBodies)
        body.append(...[...body.rows].filter((row) => row.cells.length > 1).sort(compare));
    }));
  });
})();
