(function () {
  'use strict';
  var root = document.documentElement;
  var NS = 'http://www.w3.org/2000/svg';
  // Units of a drawing per pixel.
  var FINE = 10;
  var MOST = 9;

  var theme = document.getElementById('theme');
  var night = window.matchMedia('(prefers-color-scheme: dark)');
  function dark() {
    return root.dataset.theme ? root.dataset.theme === 'dark' : night.matches;
  }
  function named() {
    theme.textContent = dark() ? 'light' : 'dark';
  }
  theme.hidden = false;
  theme.addEventListener('click', function () {
    root.dataset.theme = dark() ? 'light' : 'dark';
    named();
  });
  night.addEventListener('change', named);
  named();

  var tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  document.body.appendChild(tip);

  function show(x) {
    return x === null ? 'none' : String(Number(x.toPrecision(6))).replace('-', '\u2212');
  }
  function nearest(list, x) {
    var best = -1;
    for (var i = 0; i < list.length; i++) {
      if (list[i] !== null && (best < 0 || Math.abs(list[i] - x) < Math.abs(list[best] - x))) best = i;
    }
    return best;
  }
  // A number on an axis, or the name of its place there.
  function word(x, names) {
    var own = (names || []).filter(function (n) { return n[0] === x; })[0];
    return own ? own[1] : show(x);
  }
  function share(v, low, high) {
    return (v - low) / (high - low);
  }

  // What a panel says at x, y: a heading, lines with a colour, places to mark.
  function found(data, panel, x, y) {
    var r = panel.range, out = { head: '', lines: [], dots: [] };
    if (panel.cells) {
      var c = panel.cells, i = nearest(c.y, y), j = nearest(c.x, x);
      out.head = panel.x + ' = ' + show(c.x[j]) + ', ' + panel.y + ' = ' + show(c.y[i]);
      out.lines.push({ text: c.label + ' = ' + show(c.values[i * c.x.length + j]) });
      out.dots.push([c.x[j], c.y[i]]);
      return out;
    }
    var all = [];
    panel.curves.forEach(function (curve, order) {
      var xs = data.x[curve.at], best = -1, least = Infinity;
      for (var i = 0; i < xs.length; i++) {
        if (xs[i] === null || curve.y[i] === null || curve.y[i] === undefined) continue;
        var d = Math.abs(share(xs[i], r[0], r[1]) - share(x, r[0], r[1]));
        if (curve.stroke === 'points') d = Math.hypot(d, share(curve.y[i], r[2], r[3]) - share(y, r[2], r[3]));
        if (d < least) { least = d; best = i; }
      }
      if (best >= 0) {
        all.push({ curve: curve, order: order, i: best, x: xs[best], y: curve.y[best], away: least });
      }
    });
    if (!all.length) return null;
    var close = Math.min.apply(null, all.map(function (a) { return a.away; }));
    // Curves that do not reach this far are left out.
    all = all.filter(function (a) { return a.away <= close + 0.02; });
    var here = all.filter(function (a) { return a.away === close; })[0].x;
    all.sort(function (a, b) { return Math.abs(a.y - y) - Math.abs(b.y - y); });
    var left = all.length - MOST;
    all = all.slice(0, MOST);
    all[0].first = true;
    all.sort(function (a, b) { return a.order - b.order; });
    var names = panel.names || [];
    out.head = (panel.x || 'x') + ' = ' + word(here, names[0]);
    all.forEach(function (a) {
      var c = a.curve, text = c.name || panel.y || panel.title || 'y';
      text += (c.name ? ': ' : ' = ') + word(a.y, names[1]);
      if (c.low) text += ' [' + show(c.low[a.i]) + ', ' + show(c.high[a.i]) + ']';
      if (a.x !== here) text += ' at ' + word(a.x, names[0]);
      out.lines.push({ text: text, ink: c.ink, bold: a.first && all.length > 1 });
      out.dots.push([a.x, a.y]);
    });
    if (left > 0) out.lines.push({ text: left + ' more' });
    return out;
  }

  function say(what, event) {
    tip.textContent = '';
    var head = document.createElement('div');
    head.textContent = what.head;
    tip.appendChild(head);
    what.lines.forEach(function (line) {
      var row = document.createElement('div');
      if (line.ink) {
        var spot = document.createElement('i');
        spot.style.background = 'var(--c' + line.ink.slice(1) + ')';
        row.appendChild(spot);
      }
      var words = document.createElement(line.bold ? 'b' : 'span');
      words.textContent = line.text;
      row.appendChild(words);
      tip.appendChild(row);
    });
    tip.hidden = false;
    var w = tip.offsetWidth, h = tip.offsetHeight, room = root.clientWidth;
    var x = event.clientX + 16, y = event.clientY + 16;
    if (x + w > room - 4) x = Math.max(4, Math.min(event.clientX - w - 16, room - w - 4));
    if (y + h > window.innerHeight - 4) y = Math.max(4, event.clientY - h - 16);
    tip.style.left = x + 'px';
    tip.style.top = y + 'px';
  }

  function shape(svg, name, attributes) {
    var made = document.createElementNS(NS, name);
    Object.keys(attributes).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    svg.appendChild(made);
    return made;
  }

  function plot(figure) {
    var svg = figure.querySelector('svg');
    var data = JSON.parse(figure.querySelector('script').textContent);
    var whole = svg.getAttribute('viewBox').split(/\s+/).map(Number), view = whole.slice();
    var marks = [], from = null, frame = null;

    function at(event) {
      var p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [p.x / FINE, p.y / FINE];
    }
    function clear() {
      marks.forEach(function (m) { m.remove(); });
      marks = [];
      tip.hidden = true;
    }
    function hover(event) {
      clear();
      var p = at(event);
      var panel = data.panels.filter(function (q) {
        return p[0] >= q.box[0] - 6 && p[0] <= q.box[1] + 6 && p[1] >= q.box[2] - 6 && p[1] <= q.box[3] + 6;
      })[0];
      if (!panel) return;
      var b = panel.box, r = panel.range;
      var what = found(data, panel, r[0] + share(p[0], b[0], b[1]) * (r[1] - r[0]),
        r[3] - share(p[1], b[2], b[3]) * (r[3] - r[2]));
      if (!what) return;
      what.dots.forEach(function (d) {
        var x = b[0] + share(d[0], r[0], r[1]) * (b[1] - b[0]);
        var y = b[3] - share(d[1], r[2], r[3]) * (b[3] - b[2]);
        if (y < b[2] - 1 || y > b[3] + 1) return;
        marks.push(shape(svg, 'circle', { cx: x * FINE, cy: y * FINE, r: 38, fill: 'none', stroke: 'var(--ink)',
          'stroke-width': 13 }));
      });
      say(what, event);
    }
    function look(next) {
      view = next;
      svg.setAttribute('viewBox', view.join(' '));
      back.hidden = view[2] >= whole[2];
    }
    // Shows `width` of the drawing around a point, never beyond its edges.
    function zoom(x, y, width) {
      var w = Math.min(whole[2], Math.max(width, whole[2] / 40)), h = w * whole[3] / whole[2];
      look([Math.max(0, Math.min(x - w / 2, whole[2] - w)), Math.max(0, Math.min(y - h / 2, whole[3] - h)), w, h]);
      clear();
    }
    function button(text, label, act) {
      var made = document.createElement('button');
      made.type = 'button';
      made.textContent = text;
      made.setAttribute('aria-label', label);
      made.title = label;
      made.addEventListener('click', act);
      bar.appendChild(made);
      return made;
    }
    var bar = document.createElement('div');
    bar.className = 'zoom';
    figure.insertBefore(bar, svg);
    var back = button('whole', 'show the whole plot', function () { look(whole.slice()); clear(); });
    back.hidden = true;
    button('+', 'closer (or draw a box with the mouse)', function () {
      zoom(view[0] + view[2] / 2, view[1] + view[3] / 2, view[2] / 1.6);
    });

    svg.addEventListener('pointerdown', function (event) {
      if (event.pointerType === 'mouse' && event.button === 0) from = at(event);
      else hover(event);
    });
    svg.addEventListener('pointermove', function (event) {
      if (!from) return hover(event);
      var p = at(event);
      if (frame) frame.remove();
      frame = shape(svg, 'rect', { x: Math.min(p[0], from[0]) * FINE, y: Math.min(p[1], from[1]) * FINE,
        width: Math.abs(p[0] - from[0]) * FINE, height: Math.abs(p[1] - from[1]) * FINE,
        fill: '#6a727b', 'fill-opacity': 0.15, stroke: '#6a727b', 'stroke-width': 8 });
    });
    function end(event) {
      if (frame) frame.remove();
      frame = null;
      if (!from) return;
      var p = at(event), w = Math.abs(p[0] - from[0]), h = Math.abs(p[1] - from[1]);
      if (event.type === 'pointerup' && w > 8 && h > 8) {
        zoom((p[0] + from[0]) / 2 * FINE, (p[1] + from[1]) / 2 * FINE, FINE * Math.max(w, h * whole[2] / whole[3]));
      }
      from = null;
    }
    svg.addEventListener('pointerup', end);
    svg.addEventListener('pointerleave', function (event) { end(event); if (event.pointerType === 'mouse') clear(); });
    svg.addEventListener('dblclick', function () { look(whole.slice()); clear(); });
  }
  document.querySelectorAll('figure.plot').forEach(plot);
  window.addEventListener('scroll', function () { tip.hidden = true; }, { passive: true });
})();
