// Opens the status page in a browser, does one thing at a time as told on its input
// (a line of JSON each), and answers each with a line of JSON.
'use strict';

const readline = require('node:readline');
const {chromium} = require('playwright-core');

async function main() {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  const complaints = [];
  let page = null;
  const commands = {
    // Forgets everything: pages go on asking for what is new.
    async reset() {
      await page?.context().close();
      page = null;
      complaints.length = 0;
    },
    // A new page; `options` are those of a browser context.
    async open({url, options}) {
      await page?.context().close();
      const context = await browser.newContext(options);
      page = await context.newPage();
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('dialog', (dialog) => {
        complaints.push(dialog.message());
        dialog.dismiss();
      });
      const answer = await page.goto(url);
      return {status: answer.status(), headers: answer.headers()};
    },
    evaluate: ({code}) => page.evaluate(code),
    // Clicks on a link, and waits until the page at `path` is there.
    async follow({selector, path}) {
      await page.locator(selector).first().click();
      await page.waitForURL(`**${path}`);
    },
    aria: ({selector}) => page.locator(selector).ariaSnapshot(),
    screenshot: ({path}) => page.screenshot({path}).then(() => path),
    // Of all pages.
    complaints: () => complaints,
  };
  for await (const line of readline.createInterface({input: process.stdin})) {
    const {name, ...parameters} = JSON.parse(line);
    let answer;
    try {
      answer = {result: await commands[name](parameters)};
    } catch (error) {
      answer = {error: String(error)};
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  await browser.close();
}

main();
