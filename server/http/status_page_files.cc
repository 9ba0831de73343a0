#include "server/http/status_page_files.h"

namespace tcptool::server {

// Colours have a contrast of 4.5 to 1 or better on their ground (WCAG 2.1,
// 1.4.3), by day and by night.
const absl::string_view kStatusCss = R"css(:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --text: #1b1f24; --quiet: #57606a;
  --line: #d8dee4; --accent: #0550ae; --good: #116329; --bad: #a40e26;
  --wait: #7d4e00; --track: #e4e8ec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1117; --card: #161b22; --text: #e6edf3; --quiet: #9aa4af;
    --line: #30363d; --accent: #79b8ff; --good: #56d364; --bad: #ff8a80;
    --wait: #e3b341; --track: #2b323b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 76rem; padding: 0 1.25rem 2rem;
  background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
}
a { color: var(--accent); }
a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
header { display: flex; justify-content: space-between; gap: 1rem; padding: 1rem 0; }
header a { color: inherit; font-weight: 700; text-decoration: none; }
#connection { color: var(--bad); }
h1 { margin: .25rem 0; font-size: 1.6rem; overflow-wrap: anywhere; }
#summary { margin: 0 0 1.25rem; color: var(--quiet); overflow-wrap: anywhere; }
dl, table, .empty {
  width: 100%; margin: 0 0 1.25rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem;
}
.empty { padding: 1.25rem; color: var(--quiet); }
dl {
  display: grid; gap: 1rem 1.5rem; padding: 1rem 1.25rem;
  grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr));
}
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: separate; border-spacing: 0; }
caption { padding: 0 0 .5rem; text-align: left; font-weight: 600; }
th, td { padding: .65rem 1rem; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
thead th { color: var(--quiet); font-size: .85rem; font-weight: 600; }
tbody th { font-weight: 600; white-space: nowrap; }
tbody th, tbody td { border-top: 1px solid var(--line); }
time, .state { white-space: nowrap; }
.figures, time { font-variant-numeric: tabular-nums; color: var(--quiet); font-size: .875rem; }
.figures { display: block; }
progress {
  display: block; width: 100%; min-width: 10rem; height: .65rem; margin: .4rem 0 .25rem;
  appearance: none; border: 0; border-radius: 1rem; overflow: hidden;
  background: var(--track); color: var(--accent);
}
progress::-webkit-progress-bar { background: var(--track); }
progress::-webkit-progress-value { background: var(--accent); }
progress::-moz-progress-bar { background: var(--accent); }
.state { font-weight: 600; }
.state::before { content: "\25CF\00A0"; }
.succeeded, .delivered { color: var(--good); }
.failed, .rejected, .interrupted, .partially_succeeded { color: var(--bad); }
.transferring, .confirming { color: var(--accent); }
.waiting, .ready, .handshaking, .expected { color: var(--wait); }
.cancelled, .expired, .dropped { color: var(--quiet); }
.why { margin: .15rem 0 0; font-size: .875rem; }
nav { display: flex; gap: 1.25rem; }
footer { margin-top: 1.5rem; color: var(--quiet); font-size: .85rem; }
@media (max-width: 48rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, caption { display: block; }
  tbody tr { padding: .75rem 1rem; border-top: 1px solid var(--line); }
  tbody th, tbody td { display: block; padding: .15rem 0; border: 0; }
  td:empty { display: none; }
  td::before { content: attr(data-label) ": "; color: var(--quiet); font-size: .85rem; }
  table { padding: .75rem 0 0; }
  caption { padding: 0 1rem .25rem; }
}
)css";

// Every second the page is fetched anew, and what differs is put into the one
// that is there, so that the focus and the place in it stay.
const absl::string_view kStatusJs = R"js('use strict';

const PERIOD_MS = 1000;

function sameKind(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
}

function update(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) return;
  for (const {name} of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const {name, value} of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((node, i) => {
    if (i >= before.length) {
      old.append(node);
    } else if (sameKind(before[i], node)) {
      update(before[i], node);
    } else {
      before[i].replaceWith(node);
    }
  });
  before.slice(after.length).forEach((node) => node.remove());
}

async function refresh() {
  const connection = document.getElementById('connection');
  try {
    const answer = await fetch(location.href, {signal: AbortSignal.timeout(10000)});
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    for (const part of ['main', 'footer']) {
      update(document.querySelector(part), fresh.querySelector(part));
    }
    connection.textContent = '';
  } catch (error) {
    if (connection.textContent === '') {
      connection.textContent = 'The service does not answer; what is shown is old.';
    }
  }
  setTimeout(refresh, PERIOD_MS);
}

setTimeout(refresh, PERIOD_MS);
)js";

}  // namespace tcptool::server
