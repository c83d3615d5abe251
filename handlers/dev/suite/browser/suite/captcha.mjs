// The form with a captcha: the browser enforces the Content-Security-Policy while a stand-in
// plays the service's widget.

import assert from "node:assert/strict";
import { test } from "node:test";

import { captcha, fill, fits, form, invitations, picture, send, someone, statusPage, visit, accessible } from "./browser.mjs";

const service = "https://challenges.cloudflare.com";

// play answers for the service's host with a script that, like the widget, adds a frame of the
// service and puts the answer into the form.
async function play(page) {
	await page.route(`${service}/**`, async (route) => {
		if (!route.request().url().endsWith("/api.js")) {
			await route.fulfill({ contentType: "text/html", body: "<!doctype html><html lang=en><title>Widget</title><p>Verified</p></html>" });
			return;
		}
		const answer = await (await fetch(`${captcha}/solve?provider=turnstile&host=127.0.0.1`)).text();
		await route.fulfill({
			contentType: "text/javascript",
			body: `
				const place = document.querySelector(".cf-turnstile");
				const frame = document.createElement("iframe");
				frame.src = "${service}/widget";
				frame.title = "Widget that checks that you are a person";
				const input = document.createElement("input");
				input.type = "hidden";
				input.name = "cf-turnstile-response";
				input.value = ${JSON.stringify(answer)};
				place.append(frame, input);`,
		});
	});
}

test("a partner solves the captcha and is invited", async () => {
	const partner = someone();
	await visit(async (page) => {
		await play(page);
		await page.goto(form);
		await page.locator(".cf-turnstile iframe").waitFor();
		await page.frameLocator(".cf-turnstile iframe").locator("p").waitFor();
		await fits(page, "the form with a captcha");
		await accessible(page, "the form with a captcha");
		await picture(page, "form-captcha");
		await fill(page, partner);
		await send(page);
		await page.waitForURL(statusPage);
	}, { others: [service] });
	for (const end = Date.now() + 60_000; await invitations(partner.email) !== 1; ) {
		assert.ok(Date.now() < end, "the partner was not invited");
		await new Promise((resolve) => { setTimeout(resolve, 250); });
	}
});

test("a form without an answer to the captcha is refused and keeps what was typed", async () => {
	const partner = someone();
	await visit(async (page) => {
		await page.route(`${service}/**`, (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
		await page.goto(form);
		await fill(page, partner);
		await send(page);
		await page.locator("[role=alert]").waitFor();
		assert.equal(await page.locator("[name=email]").inputValue(), partner.email);
		await accessible(page, "the form without an answer to the captcha");
		await picture(page, "form-captcha-failed");
	}, { others: [service], statuses: [403] });
	assert.equal(await invitations(partner.email), 0);
});

test("without scripts the form with a captcha says that it needs them", async () => {
	await visit(async (page) => {
		await page.goto(form);
		assert.match(await page.locator("noscript").innerText(), /JavaScript/);
		await picture(page, "form-captcha-without-scripts");
	}, { script: false });
});
