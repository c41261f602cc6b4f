// Keeps the page current: the server sends a section again when it has changed. Without this script the page reloads itself.
'use strict';
(() => {
  const lost = document.getElementById('lost');
  const events = new EventSource('/stats/events');
  // Only what differs is touched, text by text, so that a selection, the keyboard focus and the scroll position stay where they are.
  const update = (now, next) => {
    if (now.nodeType !== next.nodeType || now.nodeName !== next.nodeName || now.id !== next.id) {
      now.replaceWith(next);
    } else if (now.nodeType === Node.TEXT_NODE) {
      if (now.data !== next.data) now.data = next.data;
    } else {
      for (const { name } of [...now.attributes]) if (!next.hasAttribute(name)) now.removeAttribute(name);
      for (const { name, value } of next.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
      children(now, next);
    }
  };
  const children = (now, next) => {
    const [old, fresh] = [[...now.childNodes], [...next.childNodes]];
    fresh.forEach((node, i) => { if (i < old.length) update(old[i], node); else now.append(node); });
    old.slice(fresh.length).forEach(node => node.remove());
  };
  events.addEventListener('section', event => {
    const { id, html } = JSON.parse(event.data);
    const section = document.getElementById(id);
    if (!section) return;
    const next = document.createElement('template');
    next.innerHTML = html;
    children(section, next.content);
  });
  events.addEventListener('title', event => { document.title = JSON.parse(event.data); });
  events.onopen = () => { lost.hidden = true; };
  events.onerror = () => {
    if (lost.hidden) {
      lost.textContent = 'No connection to the proxy since ' + new Date().toLocaleTimeString() + ': what is shown is old. Trying again.';
      lost.hidden = false;
    }
    // A refusal (another password, too many viewers) ends an EventSource for good; a reload asks again.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  };
})();
