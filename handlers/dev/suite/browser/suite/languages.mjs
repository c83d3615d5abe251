// Every page in every language: without barriers, on a small phone, within its size, in its direction.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
	complete, fill, fits, form, phone, picture, send, smallPhone, someone, statusPage, untilFinished, untilInvited, visit,
	withoutBarriers,
} from "./browser.mjs";

// The languages are those that the pages offer.
let languages = [];
await visit(async (page) => {
	await page.goto(form);
	languages = await page.locator("nav a[hreflang]").evaluateAll((links) => links.map((link) => ({
		tag: link.hreflang, name: link.textContent, direction: link.dir || "ltr",
	})));
});

test("the pages are in nine languages, one of them from right to left", () => {
	assert.deepEqual(languages.map((language) => language.tag).sort(), ["ar", "de", "en", "es", "fr", "ja", "ko", "pt", "zh-Hans"]);
	assert.deepEqual(languages.filter((language) => language.direction === "rtl").map((language) => language.tag), ["ar"]);
});

for (const { tag, name, direction } of languages) {
	test(`all pages in ${name}`, async () => {
		await visit(async (page) => {
			const look = async (state) => {
				const root = page.locator("html");
				assert.equal(await root.getAttribute("lang"), tag, `the language of ${state}`);
				assert.equal(await root.getAttribute("dir"), direction, `the direction of ${state}`);
				await fits(page, `${state} in ${name}`);
				await withoutBarriers(page, `${state} in ${name}`);
				await picture(page, `${tag}-${state}`);
			};
			await complete(page, form);
			await look("form");
			await fill(page, { ...someone(), email: "ana+test@contoso.com", company: "" });
			await send(page);
			await page.locator("[role=alert]").waitFor();
			await look("errors");
			await fill(page, someone());
			await send(page);
			await page.waitForURL(statusPage);
			await look("status");
			await untilFinished(page);
			await look("finished");
			await page.locator("#resend button").click();
			await page.locator(".notice").waitFor();
			await look("resent");
			await complete(page, `${form}/${"0".repeat(34)}`, 404);
			await look("unknown");
		}, { language: tag, size: smallPhone, statuses: [422, 404] });
	});
}

// What a new partner does who reads from right to left, on a phone.
test("a partner signs up in Arabic on a phone, from the choice of the language to the end", async () => {
	const partner = someone();
	await visit(async (page) => {
		await page.goto(form);
		await page.locator("nav summary").click();
		await withoutBarriers(page, "the form with the languages open");
		await page.locator("nav a[hreflang=ar]").click();
		await page.locator("html[dir=rtl]").waitFor();
		await fill(page, partner);
		const label = await page.locator("label[for=givenName]").boundingBox();
		assert.ok(label.x + label.width > phone.width / 2, "labels stand on the right");
		await send(page);
		await page.waitForURL(statusPage);
		assert.equal(await page.locator("html").getAttribute("lang"), "ar", "the language is remembered");
		await untilFinished(page);
		await fits(page, "the finished status page in Arabic");
		await withoutBarriers(page, "the finished status page in Arabic");
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

test("a language in another tab leaves nothing behind for who uses this one next", async () => {
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

test("another language keeps what was typed, on the form and beside errors", async () => {
	const partner = { ...someone(), familyName: "" };
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
		assert.equal(await page.locator("[name=email]").inputValue(), "", "it is taken along once");
	}, { statuses: [422] });
});
