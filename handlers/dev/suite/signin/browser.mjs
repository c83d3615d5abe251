// Signs in and out with Chromium: what a browser makes of the cookie, of redirects between sites
// and of the headers, only a browser shows. axe-core checks the pages.

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";

const installed = createRequire(path.join(process.env.BROWSERTEST_MODULES, "package.json"));
const { chromium } = installed("playwright-core");
const axe = fs.readFileSync(installed.resolve("axe-core/axe.min.js"), "utf8");
const app = process.env.SIGNINTEST_APP;
const patience = 60_000;

// evil is a page of another site that sends a form to the app.
const evil = http.createServer((_, response) => {
	response.setHeader("Content-Type", "text/html");
	response.end(`<!doctype html><title>Evil</title><form method="post" action="${app}/reviews/sign-out"><button>Win a prize</button></form>`);
});
await new Promise((resolve) => evil.listen(0, "127.0.0.1", resolve));
const evilPage = `http://localhost:${evil.address().port}/`; // another site than 127.0.0.1

const browser = await chromium.launch({ executablePath: process.env.BROWSERTEST_CHROMIUM, headless: true, timeout: patience });

async function accessible(page, state) {
	await page.evaluate(axe);
	const found = await page.evaluate(async () => {
		const results = await globalThis.axe.run(document, { resultTypes: ["violations", "incomplete"] });
		return [...results.violations, ...results.incomplete].map((rule) => `${rule.id}: ${rule.help}`);
	});
	assert.deepEqual(found, [], `accessibility of ${state}`);
	await page.screenshot({ path: path.join(process.env.BROWSERTEST_SCREENSHOTS, `${state}.png`), fullPage: true });
}

try {
	for (const language of ["en", "ar"]) {
		const visitor = await browser.newContext({ locale: language, ignoreHTTPSErrors: true, viewport: { width: 390, height: 844 } });
		visitor.setDefaultTimeout(patience);
		const page = await visitor.newPage();
		const faults = [];
		page.on("console", (message) => {
			const expected = message.text().includes("status of 403") || message.location().url.endsWith("/favicon.ico");
			if (message.type() === "error" && !expected) faults.push(message.text());
		});
		page.on("pageerror", (error) => faults.push(error.stack));
		let answer = "";
		page.on("request", (request) => {
			if (request.url().includes("/reviews/signed-in?")) answer = request.url();
		});

		await page.goto(`${app}/reviews/0123`);
		assert.match(await page.title(), /stand-in/);
		await page.getByRole("button", { name: "Rosa Reviewer" }).click();
		await page.waitForURL(`${app}/reviews/0123`);
		assert.match(await page.textContent("#who"), /rosa@standin.example/);
		const cookies = await visitor.cookies(app);
		const ours = cookies.filter((cookie) => cookie.name === "__Host-guestlist");
		assert.equal(ours.length, 1);
		assert.deepEqual([ours[0].secure, ours[0].httpOnly, ours[0].sameSite, ours[0].path], [true, true, "Lax", "/"]);
		assert.equal(await page.evaluate(() => document.cookie), "");

		const refused = await page.goto(answer);
		assert.equal(refused.status(), 403);
		await accessible(page, `${language}-signin-used`);

		await page.goto(evilPage);
		await page.getByRole("button").click();
		await page.waitForURL(`${app}/reviews/sign-out`);
		await accessible(page, `${language}-signin-not-ended`);
		await page.goto(`${app}/reviews/0123`);
		assert.match(await page.textContent("#who"), /rosa@standin.example/);

		await page.getByRole("button").click();
		await page.waitForURL(`${app}/reviews/signed-out`);
		assert.deepEqual((await visitor.cookies(app)).filter((cookie) => cookie.name === "__Host-guestlist"), []);
		await accessible(page, `${language}-signin-ended`);
		await page.locator("summary").click();
		await page.getByRole("link", { name: "Deutsch" }).click();
		assert.equal(await page.title(), "Sie sind abgemeldet");

		await page.goto(answer);
		await accessible(page, `${language}-signin-foreign`);

		// The provider asks who to be, because the link says so, and the guest is refused.
		await page.locator(".card a").first().click();
		assert.match(await page.title(), /stand-in/);
		await page.getByRole("button", { name: "Gus Guest" }).click();
		await page.waitForURL(/signed-in/);
		await accessible(page, `${language}-signin-guest`);
		assert.deepEqual(faults, [], "faults of the pages");
		await visitor.close();
	}
} finally {
	await browser.close();
	evil.close();
}
