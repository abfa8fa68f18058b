'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($('data').textContent);
  const svg = $('time'), cursor = $('cursor'), now = $('now');
  const left = +svg.dataset.left, right = +svg.dataset.right, end = +svg.dataset.end;
  let at = 0;

  // The last value at or before a moment.
  const value = (series, t) => {
    let low = 0, high = series.length;
    while (low < high) { const middle = (low + high) >> 1; if (series[middle][0] <= t) low = middle + 1; else high = middle; }
    return low ? series[low - 1][1] : null;
  };
  const words = (t) => {
    const nodes = data.nodes.map((node) => {
      const peers = value(node.peers, t), height = value(node.height, t);
      return node.name + ' ' + (peers === null ? '–' : peers) + ' · ' + (height === null ? '–' : height);
    });
    const most = 12;
    return (t / 1000).toFixed(1) + ' s (peers · height): ' + nodes.slice(0, most).join(', ') + (nodes.length > most ? ', and ' + (nodes.length - most) + ' more' : '');
  };
  const move = (t) => {
    at = Math.max(0, Math.min(end, t));
    const x = left + (right - left) * at / end;
    cursor.setAttribute('x1', x); cursor.setAttribute('x2', x);
    now.textContent = words(at);
  };
  const time = (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * 1000 / box.width;
    return end * (x - left) / (right - left);
  };

  // Logs: filtered once a change, and a window of them shown.
  const list = $('lines'), node = $('node'), level = $('level'), search = $('search'), count = $('count');
  const window_ = 400;
  let found = [], from = 0;
  const filter = () => {
    const levels = { '': null, E: 'E', W: 'EW', I: 'EWI' }[level.value], text = search.value.toLowerCase();
    found = data.lines.filter((line) => (node.value === '' || line.node === +node.value)
      && (!levels || levels.includes(line.level || '?')) && (!text || line.text.toLowerCase().includes(text)));
  };
  const show = (start) => {
    from = Math.max(0, Math.min(found.length - 1, start));
    const rows = document.createDocumentFragment();
    for (const line of found.slice(from, from + window_)) {
      const row = document.createElement('span'), name = document.createElement('b');
      row.className = 'l ' + line.level;
      row.dataset.at = line.at === null ? '' : line.at;
      name.textContent = data.nodes[line.node].name;
      row.append((line.at === null ? '       –' : (line.at / 1000).toFixed(3).padStart(8)) + ' ', name, ' ' + line.text);
      rows.append(row);
    }
    list.replaceChildren(rows);
    list.scrollTop = 0;
    count.textContent = found.length ? 'lines ' + (from + 1) + '–' + Math.min(from + window_, found.length) + ' of ' + found.length : 'no line';
  };
  const first = (t) => { const index = found.findIndex((line) => line.at !== null && line.at >= t); return index < 0 ? found.length - 1 : index; };
  const jump = (t, focus) => {
    const index = first(t);
    show(index - 20);
    const row = list.children[index - from];
    if (row) { row.classList.add('here'); list.scrollTop = row.offsetTop - list.offsetTop - 60; }
    if (focus) { $('logs').scrollIntoView(); list.focus({ preventScroll: true }); }
  };
  const again = () => { filter(); jump(at, false); };
  for (const [number, one] of data.nodes.entries()) node.add(new Option(one.name, number));
  for (const input of [node, level, search]) input.addEventListener('input', again);
  $('earlier').addEventListener('click', () => show(from - window_));
  $('later').addEventListener('click', () => { if (from + window_ < found.length) show(from + window_); });
  list.addEventListener('click', (event) => { const row = event.target.closest('.l'); if (row && row.dataset.at !== '') move(+row.dataset.at); });

  svg.addEventListener('pointermove', (event) => { if (event.pointerType === 'mouse') move(time(event)); });
  svg.addEventListener('click', (event) => { move(time(event)); jump(at, true); });
  svg.addEventListener('keydown', (event) => {
    const step = end / (event.shiftKey ? 20 : 200);
    const to = { ArrowLeft: at - step, ArrowRight: at + step, Home: 0, End: end }[event.key];
    if (to !== undefined) { move(to); event.preventDefault(); }
    if (event.key === 'Enter') { jump(at, true); event.preventDefault(); }
  });
  for (const button of document.querySelectorAll('button[data-at]')) button.addEventListener('click', () => { move(+button.dataset.at); jump(at, true); });
  filter(); move(0); show(0);
})();
