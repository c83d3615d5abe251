// The form and the status page on several screens, with and without scripts, by keyboard.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
	desktop, fill, fits, form, patience, phone, picture, send, smallPhone, someone, statusPage, untilFinished, untilInvited, visit,
	accessible, zoomed,
} from "./browser.mjs";

test("a partner signs up and follows the status page to the end", async () => {
	const partner = someone();
	await visit(async (page) => {
		await page.goto(form);
		await accessible(page, "the form");
		await picture(page, "form");
		await fill(page, partner);
		await send(page);
		await page.waitForURL(statusPage);
		await accessible(page, "the status page at first");
		await picture(page, "status-first");
		await untilFinished(page);
		await accessible(page, "the finished status page");
		await picture(page, "status-finished");
	});
	await untilInvited(partner.email);
});

test("a partner without scripts signs up and follows the status page to the end", async () => {
	const partner = someone();
	await visit(async (page) => {
		await page.goto(form);
		await fill(page, partner);
		await send(page);
		await page.waitForURL(statusPage);
		await untilFinished(page);
		await picture(page, "status-finished-without-scripts");
	}, { script: false });
	await untilInvited(partner.email);
});

for (const script of [true, false]) {
	test(`errors keep what was typed, get the focus and link to their fields, ${script ? "with" : "without"} scripts`, async () => {
		await visit(async (page) => {
			await page.goto(form);
			await fill(page, { ...someone(), email: "ana+test@contoso.com", familyName: "1" });
			await send(page);
			const alert = page.locator("[role=alert]");
			await alert.waitFor();
			assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("role")), "alert", "what has the focus");
			assert.match(await page.title(), /^Error: /);
			assert.equal(await page.locator("[name=company]").inputValue(), "Contoso Ltd");
			assert.equal(await page.locator("[name=email]").inputValue(), "ana+test@contoso.com");
			assert.deepEqual(await page.locator("[aria-invalid=true]").evaluateAll((fields) => fields.map((field) => field.name).sort()), ["email", "familyName"]);
			for (const name of ["email", "familyName"]) {
				const described = await page.locator(`[name=${name}]`).getAttribute("aria-describedby");
				assert.ok(described.split(" ").includes(`${name}-error`), `${name} is described by its error`);
				await alert.locator(`a[href="#${name}"]`).click();
				assert.equal(await page.evaluate(() => document.activeElement?.name), name, "where the link leads");
			}
			if (script) {
				await accessible(page, "the form with errors");
			}
			await picture(page, script ? "form-errors" : "form-errors-without-scripts");
		}, { script, statuses: [422] });
	});
}

test("a partner signs up by the keyboard alone", async () => {
	const partner = someone();
	await visit(async (page) => {
		await page.goto(form);
		const order = [];
		// Press Tab until the button, and fill in each field on the way.
		for (let step = 0; ; step += 1) {
			assert.ok(step < 60, `no button was reached by Tab: ${order}`);
			await page.keyboard.press("Tab");
			const at = await page.evaluate(() => {
				const element = document.activeElement;
				const style = getComputedStyle(element);
				const inForm = element.closest("form[method=post]") !== null;
				return { name: element.name ?? "", type: element.type ?? "", kind: element.localName, inForm, outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
			});
			assert.notEqual(at.kind, "body", `the page was left before the button: ${order}`);
			assert.ok(at.outline, `the focus is seen on ${at.kind} ${at.name}`);
			order.push(at.name || at.kind);
			if (partner[at.name] !== undefined) {
				await page.keyboard.type(partner[at.name]);
			} else if (at.type === "checkbox") {
				await page.keyboard.press("Space");
			} else if (at.inForm && at.type === "submit") {
				await page.keyboard.press("Enter");
				break;
			}
		}
		await page.waitForURL(statusPage, { timeout: patience });
		await untilFinished(page);
	});
	await untilInvited(partner.email);
});

for (const [name, options] of Object.entries({
	"a phone": { size: phone },
	"a small phone": { size: smallPhone },
	"a window at 400 %": { size: zoomed, deviceScaleFactor: 4 },
	"a phone in the dark": { size: phone, dark: true },
	"a desktop in the dark": { size: desktop, dark: true },
})) {
	test(`all pages fit and are accessible on ${name}`, async () => {
		const file = name.replace(/^an? /, "").replaceAll(" ", "-").replace("-%", "");
		await visit(async (page) => {
			const check = async (state) => {
				await fits(page, `${state} on ${name}`);
				await accessible(page, `${state} on ${name}`);
				await picture(page, `${file}-${state}`);
			};
			await page.goto(form);
			await check("form");
			await fill(page, { ...someone("a-rather-long-name-of-a-company-in-the-countryside.example"), company: "" });
			await send(page);
			await page.locator("[role=alert]").waitFor();
			await check("errors");
			await fill(page, { company: "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" });
			await fill(page, someone());
			await send(page);
			await page.waitForURL(statusPage);
			await check("status");
			await page.goto(`${form}/${"0".repeat(34)}`);
			await check("unknown");
		}, { ...options, statuses: [422, 404] });
	});
}
