// Keeps the page current: the server sends a section again when it has changed. Without this script the page reloads itself.
'use strict';
(() => {
  const lost = document.getElementById('lost');
  const events = new EventSource('/stats/events');
  events.addEventListener('section', event => {
    const { id, html } = JSON.parse(event.data);
    const section = document.getElementById(id);
    if (!section) return;
    // Replacing a section must not take the keyboard focus or the scroll position away.
    const active = document.activeElement;
    const focused = section.contains(active) ? active.id : '';
    const scrolled = [...section.querySelectorAll('[tabindex]')].map(e => [e.id, e.scrollLeft]);
    section.innerHTML = html;
    for (const [name, left] of scrolled) {
      const element = document.getElementById(name);
      if (element) element.scrollLeft = left;
    }
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
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
