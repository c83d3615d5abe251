// Every page in every language on a small phone: accessible, within its size, in its direction.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
	complete, fill, fits, form, phone, picture, send, smallPhone, someone, statusPage, untilFinished, untilInvited, visit,
	accessible,
} from "./browser.mjs";

// The languages are those that the pages offer.
let languages = [];
await visit(async (page) => {
	await page.goto(form);
	languages = await page.locator("nav a[hreflang]").evaluateAll((links) => links.map((link) => ({
		tag: link.hreflang, name: link.textContent, direction: link.dir || "ltr",
	})));
});

test("there are nine languages, one of them from right to left", () => {
	assert.deepEqual(languages.map((language) => language.tag).sort(), ["ar", "de", "en", "es", "fr", "ja", "ko", "pt", "zh-Hans"]);
	assert.deepEqual(languages.filter((language) => language.direction === "rtl").map((language) => language.tag), ["ar"]);
});

for (const { tag, name, direction } of languages) {
	test(`all pages in ${name}`, async () => {
		await visit(async (page) => {
			const check = async (state) => {
				const root = page.locator("html");
				assert.equal(await root.getAttribute("lang"), tag, `the language of ${state}`);
				assert.equal(await root.getAttribute("dir"), direction, `the direction of ${state}`);
				await fits(page, `${state} in ${name}`);
				await accessible(page, `${state} in ${name}`);
				await picture(page, `${tag}-${state}`);
			};
			await complete(page, form);
			await check("form");
			await fill(page, { ...someone(), email: "ana+test@contoso.com", company: "" });
			await send(page);
			await page.locator("[role=alert]").waitFor();
			await check("errors");
			await fill(page, someone());
			await send(page);
			await page.waitForURL(statusPage);
			await check("status");
			await untilFinished(page);
			await check("finished");
			await page.locator("#resend button").click();
			await page.locator(".notice").waitFor();
			await check("resent");
			await complete(page, `${form}/${"0".repeat(34)}`, 404);
			await check("unknown");
		}, { language: tag, size: smallPhone, statuses: [422, 404] });
	});
}

test("a partner chooses Arabic on a phone and signs up", async () => {
	const partner = someone();
	await visit(async (page) => {
		await page.goto(form);
		await page.locator("nav summary").click();
		await accessible(page, "the form with the languages open");
		await page.locator("nav a[hreflang=ar]").click();
		await page.locator("html[dir=rtl]").waitFor();
		await fill(page, partner);
		const label = await page.locator("label[for=givenName]").boundingBox();
		assert.ok(label.x + label.width > phone.width / 2, "labels are on the right");
		await send(page);
		await page.waitForURL(statusPage);
		assert.equal(await page.locator("html").getAttribute("lang"), "ar", "the language is remembered");
		await untilFinished(page);
		await fits(page, "the finished status page in Arabic");
		await accessible(page, "the finished status page in Arabic");
		await picture(page, "ar-finished");
	}, { size: phone });
	await untilInvited(partner.email);
});

test("a partner signs up in Korean on a phone whose browser asks for it", async () => {
	const partner = someone();
	await visit(async (page) => {
		await page.goto(form);
		assert.equal(await page.locator("html").getAttribute("lang"), "ko");
		await fill(page, partner);
		await send(page);
		await page.waitForURL(statusPage);
		await untilFinished(page);
		await picture(page, "ko-finished");
	}, { size: phone, language: "ko-KR" });
	await untilInvited(partner.email);
});

test("choosing a language in a new tab leaves nothing in session storage", async () => {
	await visit(async (page, visitor) => {
		await page.goto(form);
		await fill(page, someone());
		await page.locator("nav summary").click();
		await Promise.all([visitor.waitForEvent("page"), page.locator("nav a[hreflang=fr]").click({ modifiers: ["Control"] })]);
		await send(page);
		await page.waitForURL(statusPage);
		await page.goto(form);
		assert.equal(await page.locator("[name=email]").inputValue(), "");
		assert.equal(await page.evaluate(() => sessionStorage.length), 0);
	});
});

test("choosing a language keeps what was typed, on the form and beside errors", async () => {
	const partner = { ...someone(), familyName: "1" };
	await visit(async (page) => {
		const choose = async (tag) => {
			await page.locator("nav summary").click();
			await page.locator(`nav a[hreflang=${tag}]`).click();
			await page.locator(`html[lang=${tag}]`).waitFor();
			for (const [name, value] of Object.entries(partner)) {
				assert.equal(await page.locator(`[name=${name}]`).inputValue(), value, `${name} in ${tag}`);
			}
			assert.equal(await page.evaluate(() => sessionStorage.length), 0, "nothing is left behind");
		};
		await page.goto(form);
		await fill(page, partner);
		await choose("de");
		await send(page);
		await page.locator("[role=alert]").waitFor();
		await choose("ja");
		await page.reload();
		assert.equal(await page.locator("[name=email]").inputValue(), "", "it is restored once");
	}, { statuses: [422] });
});
