// The field of the status page for the code that was mailed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { accessible, fits, form, graph, patience, phone, picture, smallPhone, visit } from "./browser.mjs";

// another returns the address of a status page that nobody has opened.
async function another() {
	const response = await fetch(`${graph}/stand-in/id`);
	assert.equal(response.status, 200);
	return `${form}/${await response.text()}`;
}

const state = (page) => page.locator("#proof").getAttribute("data-state");

// until waits until the part about the code is in a state, without loading the page again.
const until = (page, wanted) => page.locator(`#proof[data-state=${wanted}]`).waitFor({ state: "attached", timeout: patience });

for (const { tag, wrong, right } of [
	{ tag: "en", wrong: "8765 4321", right: "1234-5678" },
	{ tag: "ar", wrong: "٨٧٦٥ ٤٣٢١", right: "١٢٣٤ ٥٦٧٨" },
]) {
	test(`a partner types the code in ${tag} on a small phone`, async () => {
		await visit(async (page) => {
			const check = async (what) => {
				await fits(page, `${what} in ${tag}`);
				await accessible(page, `${what} in ${tag}`);
				const query = [...new URL(page.url()).searchParams.keys()].sort();
				assert.deepEqual(query.filter((name) => !["at", "typed"].includes(name)), [], "what is in the address");
			};
			const code = page.locator("#code");
			await page.goto(await another());
			assert.equal(await state(page), "open-0");
			assert.equal(await code.evaluate((field) => getComputedStyle(field).direction), "ltr");
			await check("the field");
			await picture(page, `${tag}-code-open`);

			await code.fill("1234");
			await code.press("Enter");
			await page.locator("[role=alert]").waitFor();
			assert.equal(await page.evaluate(() => document.activeElement?.id), "alert", "what has the focus");
			await page.locator("[role=alert] a").click();
			assert.equal(await page.evaluate(() => document.activeElement?.id), "code", "where the link leads");
			assert.equal(await code.inputValue(), "", "what was typed is not shown");
			await check("what is no code");
			await picture(page, `${tag}-code-misread`);

			await code.fill(wrong);
			await code.press("Enter");
			await until(page, "checking-0");
			await check("a code that is being checked");
			await picture(page, `${tag}-code-checking`);
			await until(page, "wrong-1");
			assert.equal(await code.getAttribute("aria-invalid"), "true");
			await check("a wrong code");
			await page.screenshot({ path: `${process.env.BROWSERTEST_SCREENSHOTS}/${tag}-code-wrong.png`, fullPage: true });

			// The field that the script has put in sends once, also on two clicks.
			await code.fill(wrong);
			await page.locator("#prove button").dblclick();
			await until(page, "wrong-2");

			await code.fill(right);
			await code.press("Enter");
			await until(page, "done-3");
			await check("a right code");
			await page.reload();
			assert.equal(await state(page), "done-3");
			await picture(page, `${tag}-code-done`);
		}, { language: tag, size: smallPhone, statuses: [422] });
	});
}

test("a partner without scripts uses all tries", async () => {
	await visit(async (page) => {
		const address = await another();
		await page.goto(address);
		for (let tries = 1; tries <= 5; tries += 1) {
			await page.locator("#code").fill(`0000 000${tries}`);
			await page.locator("#prove button").click();
			await page.waitForURL(/typed=/);
			assert.equal(await state(page), `checking-${tries - 1}`);
			await page.locator(".again a").click();
			await page.locator(tries < 5 ? "#code" : "#proof a").waitFor();
			assert.equal(await state(page), tries < 5 ? `wrong-${tries}` : "spent-5");
		}
		await picture(page, "code-spent-without-scripts");
		await page.goto(address);
		assert.equal(await page.locator("#code").count(), 0);
	}, { script: false, size: phone });
});

test("what somebody is typing stays", async () => {
	await visit(async (page) => {
		const address = await another();
		await page.goto(address);
		await page.locator("#code").fill("1234");
		// In another window the same partner types a code.
		const body = new URLSearchParams({ action: "prove", code: "11111111" });
		assert.equal((await fetch(address, { method: "POST", body, redirect: "manual" })).status, 303);
		await page.locator("#progress[data-state=finished]").waitFor({ timeout: patience });
		assert.equal(await page.locator("#code").inputValue(), "1234");
		assert.equal(await state(page), "open-0");
	}, { size: phone });
});

test("the link of a mail opens the withdrawal", async () => {
	await visit(async (page) => {
		await page.goto(`${await another()}#withdraw`);
		await page.locator("#withdraw button").waitFor();
		assert.ok(await page.locator("#confirm").isVisible());
	}, { size: phone });
});
