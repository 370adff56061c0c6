(root => {
  const data = DATA;
  const trees = data.models.map(model => model.tasks.flatMap(([n, s]) => Array(n).fill(s / n)));
  const work = trees.flat().reduce((sum, s) => sum + s, 0);
  const most = Math.max(...trees.map(all => all.length));

  // List scheduling: each task goes to the first worker that is free. Worker 0 is `slow` times as slow.
  root.replay = (workers, perTask, handOut, slow) => {
    const free = new Float64Array(workers), bars = [];
    trees.forEach((all, model) => {
      for (let first = 0; first < all.length; first += perTask) {
        const seconds = all.slice(first, first + perTask).reduce((sum, s) => sum + s, 0);
        let worker = 0;
        for (let i = 1; i < workers; i++) if (free[i] < free[worker]) worker = i;
        const from = free[worker];
        free[worker] += seconds * (worker ? 1 : slow) + handOut;
        bars.push([worker, from, free[worker], model]);
      }
    });
    const end = free.reduce((end, at) => Math.max(end, at), 0);
    const idle = 1 - free.reduce((sum, at) => sum + at, 0) / (end * workers);
    const seconds = data.serial + end;
    return { seconds, speedup: (data.serial + work) / seconds, idle, end, bars };
  };

  const upTo = (end, ...more) => [...new Set([1, ...more, end, ...[...Array(5)].flatMap((_, i) => [1, 2, 5].map(n => n * 10 ** i))])]
    .filter(n => n <= end).sort((a, b) => a - b);
  const powers = [...Array(11).keys()];
  const show = (n, digits = 2) => n.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const choices = {
    "workers": { values: [...new Set([...powers.map(n => 2 ** n), 3, 6, 12, 24, 48, 96, 192, 384, 768, data.workers])].sort((a, b) => a - b), at: data.workers, unit: "" },
    "trees per task": { values: upTo(most, data.trees), at: data.trees, unit: "" },
    "handing out a task": { values: [0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], at: 0, unit: " ms" },
    "one worker is slower": { values: [1, 1.25, 1.5, 2, 3, 4, 6, 8, 10], at: 1, unit: " times" },
  };
  root.replaceChildren();
  const add = (tag, style, parent = root) => {
    const element = parent.appendChild(document.createElement(tag));
    element.style.cssText = style;
    return element;
  };
  add("p", "").textContent = data.sentence + " Handing out and slowness are what you set; nothing here is measured but the tasks and the points.";
  const table = add("div", "display:grid;grid-template-columns:max-content minmax(8em,24em) max-content;gap:2px 12px;align-items:center");
  const inputs = Object.entries(choices).map(([name, { values, at, unit }]) => {
    add("span", "", table).textContent = name;
    const input = add("input", "width:100%", table), value = add("span", "", table);
    Object.assign(input, { type: "range", min: 0, max: values.length - 1, value: values.indexOf(at), oninput: draw, ariaLabel: name });
    return () => {
      value.textContent = show(values[input.value], values[input.value] % 1 ? 2 : 0) + unit;
      return values[input.value];
    };
  });
  const result = add("p", "");
  const lanes = add("canvas", "width:100%;max-width:860px;height:200px;display:block");
  const ends = add("p", "max-width:860px;display:flex;justify-content:space-between;margin:0");
  const curve = add("div", "max-width:460px");
  function draw() {
    const [workers, perTask, ms, slow] = inputs.map(read => read());
    const { seconds, speedup, idle, end, bars } = root.replay(workers, perTask, ms / 1000, slow);
    result.textContent = `Simulated: ${show(seconds)} s for ${show(bars.length, 0)} tasks, ${show(speedup)} times as fast as one after another; workers idle ${show(100 * idle, 1)} % of the time.`;
    Object.assign(lanes, { width: 1720, height: 400 });
    const pen = lanes.getContext("2d"), height = 400 / workers, gap = height > 12 ? 0.08 * height : 0;
    for (let i = 0; i < workers; i++) {
      pen.fillStyle = "#d0d0d0";
      pen.fillRect(0, i * height + gap, 1720, height - 2 * gap);
    }
    for (const [worker, from, to, model] of bars) {
      pen.fillStyle = data.models[model].colour;
      pen.fillRect(1720 * from / end, worker * height + gap, 1720 * (to - from) / end, height - 2 * gap);
    }
    ends.replaceChildren();
    add("span", "", ends).textContent = "0 s, one lane per worker, one colour per model, grey: idle";
    add("span", "", ends).textContent = `${show(end)} s`;
    const at = (w, s) => `${40 + 40 * Math.log2(w)},${430 - 40 * Math.log2(Math.max(s, 1))}`;
    const line = powers.map(n => at(2 ** n, root.replay(2 ** n, perTask, ms / 1000, slow).speedup)).join(" ");
    const dot = (w, s, fill, title) => `<circle cx="${at(w, s).split(",")[0]}" cy="${at(w, s).split(",")[1]}" r="6" fill="${fill}"><title>${title}</title></circle>`;
    const labels = powers.map(n => `<text x="${40 + 40 * n}" y="448" text-anchor="middle">${2 ** n}</text><text x="34" y="${434 - 40 * n}" text-anchor="end">${2 ** n}</text><path d="M40 ${430 - 40 * n}h400M${40 + 40 * n} 430v-400" stroke="#ddd"/>`).join("");
    const points = data.measured.map(([w, s], i) => dot(w, s, "#d55e00", `measured ${i}`)).join("");
    curve.innerHTML = `<svg viewBox="0 0 460 480" style="background:#fff;width:100%" font-family="sans-serif" font-size="12" fill="#222">${labels}
      <path d="M40 430L440 30" stroke="#595959" stroke-dasharray="7 5"/><polyline points="${line}" fill="none" stroke="#0072b2" stroke-width="2"/>
      ${dot(workers, speedup, "#0072b2", "this setting, simulated")}${points}
      <text x="240" y="470" text-anchor="middle">number of workers; ideal: dashed; simulated: blue; measured: red</text><text x="46" y="22">times as fast</text></svg>`;
    data.measured.forEach(([w, s, name], i) => curve.querySelectorAll("title")[1 + i].textContent = `${name}: ${show(s)} on ${w}, measured`);
  }
  draw();
})(document.currentScript.previousElementSibling);
