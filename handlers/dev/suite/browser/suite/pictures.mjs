// The pictures of docs/form.md.

import assert from "node:assert/strict";
import { test } from "node:test";

import { accessible, desktop, fits, form, phone, picture, send, unrecorded, visit } from "./browser.mjs";

// Who signs up, with an address that can't be invited and without a company.
const partners = {
	en: { givenName: "Ana", familyName: "Silva" }, de: { givenName: "Jörg", familyName: "Weiß" },
	ar: { givenName: "ليلى", familyName: "حداد" }, ja: { givenName: "太郎", familyName: "髙橋" },
};

for (const [language, partner] of Object.entries(partners)) {
	for (const size of [phone, desktop]) {
		test(`pictures in ${language}, ${size.width} px wide`, async () => {
			await visit(async (page) => {
				const take = async (name) => {
					assert.equal(await page.locator("html").getAttribute("lang"), language);
					await fits(page, `${name} in ${language}`);
					await accessible(page, `${name} in ${language}`);
					await picture(page, `picture-${name}-${language}-${size.width}`);
				};
				await page.goto(form);
				await take("form");
				for (const [name, value] of Object.entries({ ...partner, email: "ana+test@fabrikam.com" })) {
					await page.locator(`[name=${name}]`).fill(value);
				}
				await send(page);
				await page.locator("[role=alert]").waitFor();
				await take("errors");
				await page.goto(`${form}/${unrecorded}`);
				await page.locator("#code").waitFor();
				await take("status");
			}, { language, size, statuses: [422] });
		});
	}
}
