(root => {
  const data = DATA;
  const trees = data.models.map(model => model.tasks.flatMap(([n, seconds]) => Array(n).fill(seconds / n)));
  const sum = numbers => numbers.reduce((all, number) => all + number, 0);
  const work = sum(trees.flat()), most = Math.max(...trees.map(model => model.length));

  // List scheduling: each task goes to the first worker that is free. Worker 0 is `slow` times as slow.
  root.replay = (workers, perTask, handOut, slow) => {
    const free = new Float64Array(workers), bars = [];
    trees.forEach((all, model) => {
      for (let first = 0; first < all.length; first += perTask) {
        let worker = 0;
        for (let other = 1; other < workers; other++) if (free[other] < free[worker]) worker = other;
        const start = free[worker];
        free[worker] += sum(all.slice(first, first + perTask)) * (worker ? 1 : slow) + handOut;
        bars.push([worker, start, free[worker], model]);
      }
    });
    const end = free.reduce((end, at) => Math.max(end, at), 0), seconds = data.serial + end;
    return { seconds, speedup: (data.serial + work) / seconds, idle: 1 - sum(free) / (end * workers), end, bars };
  };

  const add = (parent, tag, style = "") => {
    const element = parent.appendChild(document.createElement(tag));
    element.style.cssText = style;
    return element;
  };
  const show = (number, digits) => number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const powers = [...Array(11).keys()];
  const sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
  const sorted = numbers => [...new Set(numbers)].sort((a, b) => a - b);
  root.replaceChildren();
  add(root, "p").textContent = data.sentence;
  const grid = add(root, "div", "display:grid;grid-template-columns:max-content minmax(6em,24em) max-content;gap:2px 12px;align-items:center");
  const sliders = [
    ["workers", sorted([...powers.map(n => 2 ** n), 3, 6, 12, 24, 48, 96, data.workers]), data.workers, ""],
    ["trees per task", sorted([...sizes.filter(size => size < most), data.trees, most]), data.trees, ""],
    ["handing out a task takes", [0, 0.1, 0.2, 0.5, ...sizes], 0, " ms"],
    ["one worker takes", [1, 1.25, 1.5, 2, 3, 5, 10], 1, " times as long"],
  ].map(([name, values, value, unit]) => {
    add(grid, "span").textContent = name;
    const input = add(grid, "input", "width:100%"), output = add(grid, "span");
    Object.assign(input, { type: "range", max: values.length - 1, value: values.indexOf(value), ariaLabel: name, oninput: draw });
    return () => (output.textContent = values[input.value] + unit, values[input.value]);
  });
  const result = add(root, "p");
  const lanes = add(root, "canvas", "width:100%;max-width:860px;height:200px;display:block");
  const below = add(root, "p", "margin:0");
  const curve = add(root, "div", "max-width:460px");

  function draw() {
    const [workers, perTask, ms, slow] = sliders.map(read => read());
    const { seconds, speedup, idle, end, bars } = root.replay(workers, perTask, ms / 1000, slow);
    result.textContent = `Simulated: ${show(bars.length, 0)} tasks in ${show(seconds, 2)} s, ${show(speedup, 2)} times as fast as one after another; workers idle ${show(100 * idle, 1)} % of the time.`;
    below.textContent = `One lane per worker, from 0 to ${show(end, 2)} s; one colour per model; grey: idle.`;
    Object.assign(lanes, { width: 1720, height: 400 });
    const pen = lanes.getContext("2d"), height = 400 / workers, gap = height > 12 ? height / 12 : 0;
    const bar = (worker, start, end_, colour) => {
      pen.fillStyle = colour;
      pen.fillRect(1720 * start / end, worker * height + gap, 1720 * (end_ - start) / end, height - 2 * gap);
    };
    for (let worker = 0; worker < workers; worker++) bar(worker, 0, end, "#d0d0d0");
    for (const [worker, start, end_, model] of bars) bar(worker, start, end_, data.models[model].colour);

    const x = workers => 40 + 40 * Math.log2(workers), y = speedup => 430 - 40 * Math.log2(Math.max(speedup, 0.8));
    const dot = (workers, speedup, colour) => `<circle cx="${x(workers)}" cy="${y(speedup)}" r="6" fill="${colour}"/>`;
    const line = powers.map(n => `${x(2 ** n)},${y(root.replay(2 ** n, perTask, ms / 1000, slow).speedup)}`);
    const labels = powers.map(n => 2 ** n).map(n => `<path d="M40 ${y(n)}h400M${x(n)} 430v-400" stroke="#ddd"/>
      <text x="${x(n)}" y="452" text-anchor="middle">${n}</text><text x="32" y="${y(n) + 4}" text-anchor="end">${n}</text>`);
    curve.innerHTML = `<svg viewBox="0 0 460 480" style="background:#fff;width:100%" font-family="sans-serif" font-size="12" fill="#222">
      ${labels.join("")}<path d="M40 430L440 30" stroke="#595959" stroke-dasharray="7 5"/>
      <polyline points="${line.join(" ")}" fill="none" stroke="#0072b2" stroke-width="2"/>
      ${dot(workers, speedup, "#0072b2")}${data.measured.map(([workers, speedup]) => dot(workers, speedup, "#d55e00")).join("")}
      <text x="240" y="472" text-anchor="middle">number of workers (dashed: ideal, blue: simulated, red: measured)</text>
      <text x="46" y="20">times as fast</text></svg>`;
  }
  draw();
})(document.currentScript.previousElementSibling);
