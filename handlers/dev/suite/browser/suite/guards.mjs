// The guards of the form, with a style, terms of use and a detailed status page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { complete, fill, fits, form, invitations, phone, picture, send, someone, statusPage, untilFinished, untilInvited, visit, accessible } from "./browser.mjs";

// accept fills in the form and accepts the terms.
async function accept(page, partner) {
	await fill(page, partner);
	await page.locator("[name=terms]").check();
}

test("a form sent too early is shown again with all entries, and can be sent again", async () => {
	const partner = someone();
	await visit(async (page) => {
		await complete(page, form);
		await accept(page, partner);
		await send(page);
		// On a very slow machine the form is not too early, and the test fails.
		const alert = page.locator("[role=alert]");
		await alert.or(page.locator("ol.way")).first().waitFor();
		assert.equal(await alert.count(), 1, "the form was not refused");
		for (const [name, value] of Object.entries(partner)) {
			assert.equal(await page.locator(`[name=${name}]`).inputValue(), value, `${name} is kept`);
		}
		assert.ok(await page.locator("[name=terms]").isChecked(), "the box is still ticked");
		await fits(page, "the form sent too early");
		await accessible(page, "the form sent too early");
		await picture(page, "form-again");
		for (let tries = 0; !statusPage.test(page.url()); tries += 1) {
			assert.ok(tries < 100, "the form is never taken");
			await page.waitForTimeout(250);
			await send(page);
			await page.locator("[role=alert]").or(page.locator("ol.way")).first().waitFor();
		}
		await untilFinished(page);
		await fits(page, "the detailed status page");
		await accessible(page, "the detailed status page");
		await picture(page, "status-detailed");
	}, { size: phone, statuses: [403] });
	await untilInvited(partner.email);
});

test("two clicks, and going back and forward, make one request", async () => {
	const partner = someone();
	await visit(async (page) => {
		await page.goto(form);
		await accept(page, partner);
		await page.waitForTimeout(4000);
		await page.locator("#form button[type=submit]").dblclick();
		await page.waitForURL(statusPage);
		const first = page.url();
		await page.goBack();
		await page.goForward();
		assert.equal(page.url(), first);
		await untilFinished(page);
	});
	await untilInvited(partner.email);
});

test("the honeypot is hidden from people and screen readers", async () => {
	await visit(async (page) => {
		await page.goto(form);
		const trap = page.locator("[name=website]");
		assert.equal(await trap.count(), 1);
		assert.equal(await trap.isVisible(), false);
		assert.doesNotMatch(await page.locator("body").ariaSnapshot(), /Leave this field empty/);
	});
});

test("a form from another site is refused and can be sent from our page", async () => {
	await visit(async (page, visitor) => {
		const evil = await visitor.newPage();
		await evil.route("https://evil.example/", (route) => route.fulfill({
			contentType: "text/html",
			body: `<form method="post" action="${form}"><input name="email" value="ana@contoso.com"><button>Win</button></form>`,
		}));
		await evil.goto("https://evil.example/");
		await evil.locator("button").click();
		await evil.locator("[role=alert]").waitFor();
		assert.equal(await evil.locator("[name=email]").inputValue(), "ana@contoso.com");
		await page.goto(form);
	});
});

test("a client over the rate limit is asked to wait, and entries are kept", async () => {
	const partner = someone();
	await visit(async (page) => {
		await page.goto(form);
		for (let tries = 0; ; tries += 1) {
			assert.ok(tries < 20, "the rate limit is never reached");
			await fill(page, { ...partner, company: "" });
			const [response] = await Promise.all([page.waitForResponse((response) => response.request().method() === "POST"), send(page)]);
			await page.locator("[role=alert]").waitFor();
			if (response.status() === 429) {
				assert.ok(Number(response.headers()["retry-after"]) > 0);
				break;
			}
		}
		assert.equal(await page.locator("[name=email]").inputValue(), partner.email);
		await fits(page, "the form of a busy network");
		await accessible(page, "the form of a busy network");
		await picture(page, "form-slow");
	}, { statuses: [403, 422, 429], extraHTTPHeaders: { "X-Forwarded-For": "203.0.113.7:51234" } });
});

test("a link fills in the form, and its code is removed from the address", async () => {
	await visit(async (page) => {
		await page.goto(`${form}?company=Contoso&inviteCode=SPRING-2026`);
		assert.equal(await page.locator("[name=company]").inputValue(), "Contoso");
		assert.equal(await page.locator("[name=inviteCode]").inputValue(), "SPRING-2026");
		assert.doesNotMatch(page.url(), /SPRING/);
		await accessible(page, "the form with an invite code");
		await picture(page, "form-linked");
	});
});

test("a mistyped mail domain gets a suggestion that corrects it", async () => {
	await visit(async (page) => {
		await page.goto(form);
		await page.locator("[name=email]").fill("ana@gmial.com");
		await page.locator("[name=email]").blur();
		await page.locator("#suggestion button").waitFor();
		await accessible(page, "the form with a suggestion");
		await picture(page, "form-suggestion");
		await page.locator("#suggestion button").click();
		assert.equal(await page.locator("[name=email]").inputValue(), "ana@gmail.com");
	});
});

test("the outline of an unticked box is clear of the bar beside it", async () => {
	for (const language of ["en", "ar"]) {
		await visit(async (page) => {
			await page.goto(form);
			const box = page.locator("[name=terms]");
			await box.check();
			await box.uncheck();
			await box.blur();
			await page.locator("#terms-error").waitFor();
			const gaps = await box.evaluate((element) => {
				const style = getComputedStyle(element);
				const outline = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
				const edges = element.getBoundingClientRect();
				const field = element.closest(".field").getBoundingClientRect();
				const bar = parseFloat(getComputedStyle(element.closest(".field")).borderInlineStartWidth);
				const label = document.querySelector("label[for=terms]").getBoundingClientRect();
				const gap = document.dir === "rtl" ? [field.right - bar - edges.right, edges.left - label.right] : [edges.left - field.left - bar, label.left - edges.right];
				return { outline: style.outlineStyle, bar, gap: gap.map((width) => width - outline) };
			});
			assert.equal(gaps.outline, "solid");
			assert.ok(gaps.bar > 0 && gaps.gap.every((gap) => gap >= 8), JSON.stringify(gaps));
			await accessible(page, "the form with an unticked box");
			await picture(page, `form-unticked-${language}`);
		}, { language, size: phone });
	}
});

test("a partner withdraws", async () => {
	const partner = someone("fabrikam-subsidiary.com");
	await visit(async (page) => {
		await page.goto(form);
		await accept(page, partner);
		await page.waitForTimeout(4000);
		await send(page);
		await page.waitForURL(statusPage);
		await page.locator("details.withdraw summary").click();
		await page.locator("#withdraw button").click();
		await page.locator("[role=alert]").waitFor();
		await accessible(page, "a withdrawal that is not confirmed");
		await picture(page, "withdraw-unconfirmed");
		await page.locator("#confirm").check();
		await page.locator("#withdraw button").click();
		await page.locator(".notice").waitFor();
		await accessible(page, "a withdrawal");
		await picture(page, "withdrawn");
	}, { statuses: [422] });
	assert.equal(await invitations(partner.email), 0);
});

test("the form prints, and keeps to forced colours", async () => {
	await visit(async (page) => {
		await page.goto(form);
		await page.emulateMedia({ media: "print" });
		await picture(page, "form-printed");
		await page.emulateMedia({ media: "screen", forcedColors: "active" });
		await fits(page, "the form in forced colours");
		await picture(page, "form-forced-colours");
	});
});
