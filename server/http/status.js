// Keeps the status page up to date: fetches it again each second, and changes what
// differs in the one that is shown, so that the focus and the scroll position stay.
'use strict';

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
  for (const node of before.slice(after.length)) node.remove();
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
