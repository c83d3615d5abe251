// The browser, the checks of every page that is opened in it, and the steps that all suites share.

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after } from "node:test";

function setting(name) {
	const value = process.env[name];
	assert.ok(value, `${name} is not set: these suites are started by go test`);
	return value;
}

const installed = createRequire(path.join(setting("BROWSERTEST_MODULES"), "package.json"));
const { chromium } = installed("playwright-core");
const { HtmlValidate } = installed("html-validate");
const axe = fs.readFileSync(installed.resolve("axe-core/axe.min.js"), "utf8");
const validator = new HtmlValidate({ root: true, extends: ["html-validate:standard"] });
const screenshots = setting("BROWSERTEST_SCREENSHOTS");

export const form = setting("BROWSERTEST_FORM");
export const graph = setting("BROWSERTEST_GRAPH");
export const unrecorded = setting("BROWSERTEST_UNRECORDED"); // an id that no submission has
export const mails = process.env.BROWSERTEST_MAILS ?? ""; // the page that shows the mails
export const reviews = process.env.BROWSERTEST_REVIEWS ?? ""; // the pages on which people decide
export const signIn = process.env.BROWSERTEST_SIGN_IN ?? ""; // where they sign in
export const captcha = process.env.BROWSERTEST_CAPTCHA ?? "";
const origin = new URL(form).origin;

// patience is how long anything may take. It makes a test fail instead of hang, also on a busy
// machine.
export const patience = 60_000;

const browser = await chromium.launch({ executablePath: setting("BROWSERTEST_CHROMIUM"), headless: true, timeout: patience });
after(() => browser.close());

export const desktop = { width: 1280, height: 900 };
export const phone = { width: 390, height: 844 };
export const smallPhone = { width: 320, height: 568 };
// zoomed is a window of 1280 by 1024 pixels at 400 % (WCAG 2.2, 1.4.10).
export const zoomed = { width: 320, height: 256 };

// visit opens a page as a new visitor, hands it to steps, and checks every page on the way: it
// sends no request to another origin, keeps to its Content-Security-Policy, and has no errors.
// statuses are the HTTP errors that the steps cause, others the origins that the page may ask.
export async function visit(steps, { script = true, language = "en", size = desktop, dark = false, statuses = [], others = [], ...context } = {}) {
	const visitor = await browser.newContext({
		javaScriptEnabled: script, locale: language, viewport: size, colorScheme: dark ? "dark" : "light", ...context,
	});
	visitor.setDefaultTimeout(patience);
	const faults = [];
	const page = await visitor.newPage();
	page.on("request", (request) => {
		const url = new URL(request.url());
		if (url.origin !== origin && url.protocol !== "data:" && !others.includes(url.origin)) {
			faults.push(`a request to ${url.origin}`);
		}
	});
	page.on("response", (response) => {
		if (response.request().isNavigationRequest() && response.frame() === page.mainFrame()) {
			documents.set(page, response);
		}
	});
	page.on("console", (message) => {
		const expected = /the server responded with a status of (\d+)/.exec(message.text());
		if (["error", "warning"].includes(message.type()) && !(expected && statuses.includes(Number(expected[1])))) {
			faults.push(`the console says: ${message.text()}`);
		}
	});
	page.on("pageerror", (error) => faults.push(`a script failed: ${error.stack}`));
	try {
		await steps(page, visitor);
	} finally {
		await visitor.close();
	}
	assert.deepEqual(faults, [], "faults of the pages");
}

// mostBytes is the largest size of a page on the wire, uncompressed as the Functions host sends it.
const mostBytes = 40_000;

// complete opens an address and fails unless the page comes in one response, within mostBytes.
export async function complete(page, address, status = 200) {
	const requests = [];
	const record = (request) => requests.push(request.url());
	page.on("request", record);
	const response = await page.goto(address, { waitUntil: "load" });
	page.off("request", record);
	assert.equal(response.status(), status);
	const { responseHeadersSize } = await response.request().sizes();
	const bytes = (await response.body()).length + responseHeadersSize;
	assert.ok(bytes < mostBytes, `${address} has ${bytes} bytes, at most ${mostBytes} may be`);
	assert.deepEqual(requests.filter((url) => !url.startsWith("data:")).length, 1, `${address} comes in more than one response: ${requests}`);
}

// accessible fails with everything that axe-core finds on the page or can't decide.
export async function accessible(page, state) {
	await page.evaluate(axe);
	const found = await page.evaluate(async () => {
		const results = await globalThis.axe.run(document, {
			runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
			resultTypes: ["violations", "incomplete"],
			// The frame of a captcha belongs to its service.
			iframes: false,
			rules: { "frame-tested": { enabled: false } },
		});
		return [...results.violations, ...results.incomplete].map((rule) => ({
			rule: rule.id, help: rule.help,
			at: rule.nodes.map((node) => `${node.target.join(" ")}: ${[...node.any, ...node.all, ...node.none].map((check) => check.message).join("; ")}`),
		}));
	});
	assert.deepEqual(found, [], `accessibility of ${state}`);
}

// fits fails if the page must be scrolled sideways, if an element is wider than it, if a word is
// broken where it has no hyphen, or if a control is too small: text under 16 px makes phones zoom
// in, and WCAG 2.2 asks for targets of 24 px.
export async function fits(page, state) {
	const found = await page.evaluate(() => {
		const faults = [];
		const root = document.documentElement;
		if (root.scrollWidth > root.clientWidth) {
			faults.push(`the page is ${root.scrollWidth} px wide in a window of ${root.clientWidth}`);
		}
		for (const element of document.querySelectorAll("main *, header *, footer *")) {
			const box = element.getBoundingClientRect();
			const style = getComputedStyle(element);
			const seen = box.width > 1 && box.height > 1 && style.visibility !== "hidden" && style.clipPath === "none";
			if (seen && (box.left < -1 || box.right > root.clientWidth + 1)) {
				faults.push(`<${element.localName}> reaches from ${box.left} to ${box.right} px`);
			}
			if (seen && element.matches("input, select, textarea, button")) {
				if (parseFloat(style.fontSize) < 16) {
					faults.push(`${element.name || element.localName} has text of ${style.fontSize}`);
				}
				const target = element.matches("[type=checkbox], [type=radio]") ? element.closest("label") ?? element : element;
				if (target.getBoundingClientRect().height < 24) {
					faults.push(`${element.name || element.localName} is ${target.getBoundingClientRect().height} px high`);
				}
			}
		}
		// Chinese and Japanese have no spaces between words, and are broken anywhere.
		const words = /[\p{L}\p{M}\p{N}’']+/gu;
		const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT, (node) =>
			node.parentElement.closest("code, select, script, style, noscript, :lang(ja), :lang(zh)") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
		const range = document.createRange();
		while (texts.nextNode()) {
			for (const word of texts.currentNode.data.matchAll(words)) {
				range.setStart(texts.currentNode, word.index);
				range.setEnd(texts.currentNode, word.index + word[0].length);
				const lines = new Set([...range.getClientRects()].filter((box) => box.width > 0).map((box) => Math.round(box.top)));
				if (lines.size > 1) {
					faults.push(`${word[0]} is broken`);
				}
			}
		}
		return faults;
	});
	assert.deepEqual(found, [], `faults of layout on ${state}`);
}

// documents has the response that each page shows. Its text is lost when the page is left.
const documents = new WeakMap();

// picture checks the page as it was sent with html-validate, and saves a screenshot of the whole
// page for people to look at.
export async function picture(page, name) {
	const report = await validator.validateString(await documents.get(page).text());
	const faults = report.results.flatMap((result) => result.messages);
	assert.deepEqual(faults.map((m) => `${m.line}:${m.column}: ${m.message} (${m.ruleId})`), [], `HTML of ${name}`);
	await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
}

let counted = 0;

// someone returns a partner with an address that is new in this run.
export function someone(domain = "contoso.com") {
	counted += 1;
	return { email: `ana.${process.pid}.${counted}@${domain}`, givenName: "Ana", familyName: "Silva", company: "Contoso Ltd" };
}

// fill fills in the form.
export async function fill(page, partner) {
	for (const [name, value] of Object.entries(partner)) {
		await page.locator(`[name=${name}]`).fill(value);
	}
}

export function send(page) {
	return page.locator("form[method=post] button[type=submit]").first().click();
}

export const statusPage = /\/signup\/[0-9a-v]{48}(\?.*)?$/;

// untilFinished reloads the status page until the request is decided. An invitation may still
// follow.
export async function untilFinished(page) {
	for (const end = Date.now() + patience; ; ) {
		const current = await page.locator("[aria-current=step]").count();
		const last = await page.locator("ol.way li:last-child[aria-current=step]").count();
		assert.equal(current, 1, "one stage is the current one");
		if (last === 1) {
			return;
		}
		assert.ok(Date.now() < end, "the sign-up was not finished in time");
		await page.waitForTimeout(250);
		await page.reload();
	}
}

// untilInvited waits for the one invitation of the address, for so many milliseconds.
export async function untilInvited(email, wait = patience) {
	for (const end = Date.now() + wait; ; await new Promise((resolve) => setTimeout(resolve, 250))) {
		const count = await invitations(email);
		assert.ok(count <= 1, "an address was invited twice");
		if (count === 1) {
			return;
		}
		assert.ok(Date.now() < end, "the invitation was not sent in time");
	}
}

// eventually waits until a condition holds, and returns its value.
export async function eventually(what, condition) {
	for (const end = Date.now() + patience; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
		const value = await condition();
		if (value) {
			return value;
		}
		assert.ok(Date.now() < end, `waited in vain for ${what}`);
	}
}

// mailsTo returns the mails that the address has had, the first one first.
export async function mailsTo(email) {
	const response = await fetch(`${mails}.json`);
	assert.equal(response.status, 200);
	const list = await response.json();
	return list.filter((mail) => mail.to.includes(email));
}

// untilMailed waits until the address has had so many mails, and returns the last one.
export async function untilMailed(email, count) {
	const list = await eventually(`mail ${count} to ${email}`, async () => {
		const had = await mailsTo(email);
		return had.length >= count && had;
	});
	assert.equal(list.length, count, "the mails that the address has had");
	return list[count - 1];
}

// codeIn returns the code in a mail, as it stands there.
export function codeIn(mail) {
	const found = /^\s*(\d{4} \d{4})\s*$/m.exec(mail.text);
	assert.ok(found, `there is no code in ${mail.text}`);
	return found[1];
}

// proveMailbox types the code that is mailed to the address into the status page.
export async function proveMailbox(page, email) {
	const code = codeIn(await untilMailed(email, 1));
	await page.locator("#code").fill(code);
	await page.locator("#prove button").click();
	await page.waitForURL(/typed=/);
}

// invitations returns how often the address was invited.
export async function invitations(email) {
	const response = await fetch(`${graph}/stand-in/invitations`);
	assert.equal(response.status, 200);
	const list = await response.json();
	return list.filter((invitation) => JSON.stringify(invitation).includes(email)).length;
}
