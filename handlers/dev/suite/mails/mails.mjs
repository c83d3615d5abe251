// Opens every mail of a folder and prints what is wrong with it, as JSON; see mails_test.go.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder] = process.argv.slice(2);
const screenshots = process.env.BROWSERTEST_SCREENSHOTS;
const installed = createRequire(path.join(process.env.BROWSERTEST_MODULES, "package.json"));
const { chromium } = installed("playwright-core");
const axe = fs.readFileSync(installed.resolve("axe-core/axe.min.js"), "utf8");

const found = [];
const patience = 120_000;
const browser = await chromium.launch({ executablePath: process.env.BROWSERTEST_CHROMIUM, headless: true, timeout: patience });

// faultsOf returns what does not fit the window, and where the direction is lost.
const faultsOf = () => {
	const faults = [];
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) {
		faults.push(`is ${root.scrollWidth} px wide in a window of ${root.clientWidth}`);
	}
	const inner = document.querySelector("body > [lang][dir]");
	for (const cell of document.querySelectorAll("h1, h2, td > p")) {
		const style = getComputedStyle(cell);
		if (cell.closest("[dir]") === inner && style.direction !== inner.dir) {
			faults.push(`runs ${style.direction}: ${cell.textContent}`);
		}
		if (style.fontSize.replace("px", "") < 13) {
			faults.push(`has text of ${style.fontSize}`);
		}
	}
	return faults;
};

// contrastAndNames returns what axe-core finds or can't decide.
const contrastAndNames = async () => {
	const results = await globalThis.axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations", "incomplete"],
	});
	return [...results.violations, ...results.incomplete].map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target.join(" "))}`);
};

for (const scheme of ["light", "dark"]) {
	const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 480, height: 600 } });
	context.setDefaultTimeout(patience);
	const page = await context.newPage();
	let asked = [];
	page.on("request", (request) => asked.push(request.url()));
	for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".html"))) {
		const mail = path.basename(file, ".html");
		const fault = (text) => found.push({ Mail: mail, Fault: text && `${scheme}: ${text}` });
		const address = pathToFileURL(path.join(folder, file)).href;
		asked = [];
		fault("");
		await page.goto(address, { waitUntil: "load" });
		await page.screenshot({ path: path.join(screenshots, `mail-${mail}-${scheme}.png`), fullPage: true });
		// axe-core takes long, and colours and elements are the same in all languages.
		const judged = /-(en|ar)$/.test(mail);
		if (judged) {
			await page.evaluate(axe);
			(await page.evaluate(contrastAndNames)).forEach(fault);
		}
		for (const width of [360, 320]) {
			await page.setViewportSize({ width, height: 600 });
			(await page.evaluate(faultsOf)).forEach(fault);
		}
		// As webmail shows it: without the style element, in an element of the page around it.
		await page.evaluate(() => {
			document.querySelectorAll("style, meta[name=color-scheme], meta[name=supported-color-schemes]").forEach((element) => element.remove());
			for (const element of [document.documentElement, document.body]) {
				for (const attribute of [...element.attributes]) {
					element.removeAttribute(attribute.name);
				}
			}
		});
		(await page.evaluate(faultsOf)).forEach((text) => fault(`without styles: ${text}`));
		if (judged && scheme === "light") {
			(await page.evaluate(contrastAndNames)).filter((text) => /^color-contrast/.test(text)).forEach((text) => fault(`without styles: ${text}`));
		}
		// As an old client shows it, which knows attributes of HTML alone. It shows the preheader.
		await page.evaluate(() => {
			for (const element of document.querySelectorAll("[style]")) {
				element.removeAttribute("style");
			}
		});
		await page.setViewportSize({ width: 480, height: 600 });
		if (judged && scheme === "light") {
			(await page.evaluate(contrastAndNames)).filter((text) => /^color-contrast/.test(text)).forEach((text) => fault(`in an old client: ${text}`));
		}
		await page.screenshot({ path: path.join(screenshots, `mail-${mail}-${scheme}-old.png`), fullPage: true });
		if (asked.length !== 1) {
			fault(`asks for ${asked.slice(1)}`);
		}
	}
	await context.close();
}
await browser.close();
process.stdout.write(JSON.stringify(found));
