// How the form and the status page are laid out, and how the form checks a field that is left.

import assert from "node:assert/strict";
import { test } from "node:test";

import { accessible, desktop, fill, fits, form, phone, picture, send, someone, statusPage, visit } from "./browser.mjs";

const languages = ["en", "ar", "de", "es", "fr", "ja", "ko", "pt", "zh-Hans"];

// boxOf returns where an element is on the page.
const boxOf = (page, selector) => page.locator(selector).first().evaluate((element) => {
	const { x, y, width, height } = element.getBoundingClientRect();
	return { x, y: y + scrollY, width, height, right: x + width, bottom: y + scrollY + height };
});

// lineOf returns where the first line of text of an element is.
const lineOf = (page, selector) => page.locator(selector).first().evaluate((element) => {
	const range = document.createRange();
	range.selectNodeContents(element);
	const box = range.getClientRects()[0];
	return box.top + box.height / 2;
});

const near = (a, b, what) => assert.ok(Math.abs(a - b) <= 1.5, `${what}: ${a} and ${b}`);

const errorOf = (page, name) => page.locator(`#${name}-error`);

for (const tag of languages) {
	test(`no word is broken on a phone in ${tag}`, async () => {
		await visit(async (page) => {
			await page.goto(form);
			await page.locator("details.folded summary").click();
			await fits(page, `the form in ${tag}`);
			await fill(page, { ...someone(), email: "ana@contoso", company: "" });
			await send(page);
			await page.locator("[role=alert]").waitFor();
			await fits(page, `the errors in ${tag}`);
			await fill(page, someone());
			await send(page);
			await page.waitForURL(statusPage);
			await page.locator("#progress[data-state=finished]").waitFor({ state: "attached" });
			await page.locator("details.withdraw summary").click();
			await fits(page, `the status page in ${tag}`);
			// The narrowest window in which the steps stand side by side.
			await page.setViewportSize({ width: 480, height: 900 });
			await fits(page, `the status page in ${tag}, 480 px wide`);
			assert.equal((await boxOf(page, ".way li:first-child")).y, (await boxOf(page, ".way li:last-child")).y, "steps side by side");
		}, { language: tag, size: phone, statuses: [422] });
	});
}

test("the names stand side by side from 30rem, and below each other on a phone", async () => {
	await visit(async (page) => {
		for (const [width, beside] of [[390, false], [479, false], [480, true], [1280, true]]) {
			await page.setViewportSize({ width, height: 900 });
			await page.goto(form);
			const given = await boxOf(page, "#givenName");
			const family = await boxOf(page, "#familyName");
			const email = await boxOf(page, "#email");
			assert.equal(Math.abs(given.y - family.y) < 1, beside, `beside each other at ${width} px`);
			assert.ok(!beside || given.right < family.x, `given name first at ${width} px`);
			near(beside ? family.right : given.right, email.right, `the right edge at ${width} px`);
		}
		// An error of one leaves the fields in one line.
		await page.locator("#givenName").fill("x".repeat(65));
		await page.keyboard.press("Tab");
		await errorOf(page, "givenName").waitFor();
		near((await boxOf(page, "label[for=givenName]")).y, (await boxOf(page, "label[for=familyName]")).y, "labels beside an error");
		near((await boxOf(page, "#givenName")).bottom, (await boxOf(page, "#familyName")).bottom, "fields beside an error");
	});
});

test("on a phone the button is as wide as the fields, and the steps are folded above the form", async () => {
	await visit(async (page) => {
		await page.goto(form);
		const button = await boxOf(page, "#form button[type=submit]");
		const field = await boxOf(page, "#email");
		near(button.width, field.width, "button and field");
		assert.equal(await page.locator(".columns .steps").isVisible(), false);
		const steps = page.locator("details.folded");
		assert.ok((await boxOf(page, "details.folded")).bottom <= (await boxOf(page, "#form")).y, "the steps are above the form");
		assert.equal(await steps.locator("li").first().isVisible(), false, "the steps are folded");
		await steps.locator("summary").click();
		assert.equal(await steps.locator("li").count(), 4, "one of the steps is the code");
		assert.ok(await steps.locator("li").last().isVisible());
		await accessible(page, "the form with its steps");
		await picture(page, "phone-form-steps");
	}, { size: phone });
});

test("on a desktop the heading of the steps is in line with that of the card", async () => {
	for (const language of languages) {
		await visit(async (page) => {
			await page.goto(form);
			near(await lineOf(page, "#steps-title"), await lineOf(page, "#form legend"), `the headings in ${language}`);
			assert.equal(await page.locator("details.folded").isVisible(), false);
		}, { size: desktop, language });
	}
});

test("the list of countries is drawn like the fields, and the languages have a caret", async () => {
	for (const [language, end] of [["en", "right"], ["ar", "left"]]) {
		await visit(async (page) => {
			await page.goto(form);
			const drawn = (selector) => page.locator(selector).evaluate((element) => {
				const style = getComputedStyle(element);
				return [style.height, style.borderWidth, style.borderColor, style.borderRadius, style.backgroundColor, style.appearance, style.paddingInlineStart];
			});
			assert.deepEqual((await drawn("#country")).with(5, ""), (await drawn("#company")).with(5, ""));
			assert.equal((await drawn("#country"))[5], "none");
			const caret = (selector) => page.locator(selector).evaluate((element) => {
				const style = getComputedStyle(element, "::after");
				return { shown: style.content !== "none" && parseFloat(style.borderBottomWidth) > 0, left: parseFloat(style.left), right: parseFloat(style.right) };
			});
			const ofList = await caret(".select");
			assert.ok(ofList.shown && ofList[end] < 20, `the caret of the list is at its end: ${JSON.stringify(ofList)}`);
			assert.ok((await caret(".languages summary")).shown, "the caret of the languages");
		}, { language });
	}
});

test("the reason has three lines, and its counter is shown near the limit", async () => {
	await visit(async (page) => {
		await page.goto(form);
		const reason = page.locator("#reason");
		const lines = await reason.evaluate((element) => {
			const style = getComputedStyle(element);
			return (element.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom)) / parseFloat(style.lineHeight);
		});
		assert.ok(lines >= 3 && lines < 3.5, `${lines} lines`);
		const counter = page.locator(".counter");
		for (const [length, shown] of [[0, false], [899, false], [900, true], [1000, true], [1001, true], [20, false]]) {
			await reason.fill("x".repeat(length));
			assert.equal(await counter.isVisible(), shown, `the counter at ${length}`);
		}
	});
});

// What a script tells of a value when the field is left. An empty text: only the server can say.
const leaving = [
	["email", "ana", true], ["email", "ana@", true], ["email", "@contoso.com", true], ["email", "ana@contoso", true], ["email", "ana@@contoso.com", true],
	["email", "ana bo@contoso.com", true], ["email", "ana+x@contoso.com", true], ["email", "ana!@contoso.com", true], ["email", "a..b@contoso.com", true],
	["email", ".ana@contoso.com", true], ["email", "ana.@contoso.com", true], ["email", "ana@contoso..com", true], ["email", "ana@.contoso.com", true],
	["email", "ana, bo@contoso.com", true], ["email", "ana@bo@contoso.com+", true], ["email", "ana/bo", true], ["email", "ana+x", true],
	["email", "  ana  ", true], ["email", "a!+b@contoso.com", true], ["email", "a+!b@contoso.com", true], ["email", "ana@localhost", true],
	["email", "ana_#EXT#@contoso.com", false], ["email", "\"ana\"@contoso.com", false], ["email", "ana(work)@contoso.com", false],
	["email", "-ana@contoso.com", false], ["email", "ana-@contoso.com", false], ["email", "ana@contoso-.com", false], ["email", "ana@-contoso", false],
	["email", "ana@192.0.2.1", false], ["email", "ana@[192.0.2.1]", false], ["email", "ana@con_toso", false], ["email", "ana@con toso", true],
	["email", "ana@contoso.com/x", false], ["email", `${"a".repeat(65)}@contoso.com`, false], ["email", `ana@${"c".repeat(64)}`, false],
	["email", "ana@a.b.c.d.e.f.g.h.i.j.k", false], ["email", "ana@a..b.c.d.e.f.g.h.i.j", false], ["email", "ana@ab--c", false], ["email", "ana@contoso.doesnotexist", false],
	["email", "añá@contoso.com", false], ["email", "ana@пример", false], ["email", "ana\u200b@contoso.com", false], ["email", `ana@${"c".repeat(300)}.com`, false],
	["email", "ana@contoso.com", false], ["email", "o'neill_x.y-z@contoso.co.uk", false],
	["givenName", "Ana", false], ["givenName", "x".repeat(65), true], ["givenName", "é".repeat(65), true], ["givenName", "e\u0301".repeat(64), false],
	["givenName", "<".repeat(65), false], ["givenName", "1".repeat(65), false], ["familyName", "x".repeat(128), true],
	["company", "x".repeat(101), true], ["company", `=HYPERLINK(${"x".repeat(101)})`, false], ["company", "x".repeat(100), false], ["company", " ", true],
	["reason", "x".repeat(1001), true], ["reason", "x\n".repeat(400), false], ["country", "", false],
];

for (const tag of ["en", "ar"]) {
	test(`a field is checked when it is left, with the texts of the server, in ${tag}`, async () => {
		await visit(async (page) => {
			await page.goto(form);
			for (const [name, value, told] of leaving) {
				const field = page.locator(`#${name}`);
				if (name !== "country") {
					await field.fill(value);
				}
				await field.blur();
				const said = await errorOf(page, name).count() > 0 ? await errorOf(page, name).textContent() : "";
				// The same value goes to the server, in a form that it refuses.
				const answer = await page.evaluate(async ([ofField, typed]) => {
					const body = new URLSearchParams(new FormData(document.getElementById("form")));
					body.set(ofField, typed);
					if (ofField !== "company") {
						body.set("company", "");
					}
					const response = await fetch("/signup", { method: "POST", body, headers: { Accept: "text/html" } });
					const answered = new DOMParser().parseFromString(await response.text(), "text/html");
					return { status: response.status, error: answered.getElementById(`${ofField}-error`)?.textContent ?? "" };
				}, [name, value]);
				assert.ok(answer.status === 422 || name === "company", `${name} ${value} is answered with ${answer.status}`);
				assert.equal(said !== "", told, `${name}, ${JSON.stringify(value)}: the page says ${JSON.stringify(said)}, the server ${JSON.stringify(answer.error)}`);
				if (said !== "") {
					assert.equal(said, answer.error, `${name}, ${JSON.stringify(value)}`);
				}
				assert.equal(await field.getAttribute("aria-invalid"), said === "" ? null : "true", `${name}, ${JSON.stringify(value)}`);
			}
		}, { language: tag, statuses: [422] });
	});
}

test("an error goes as soon as it is mended, and none comes while somebody types", async () => {
	await visit(async (page) => {
		await page.goto(form);
		const email = page.locator("#email");
		await email.pressSequentially("ana");
		assert.equal(await errorOf(page, "email").count(), 0);
		await page.keyboard.press("Tab");
		await errorOf(page, "email").waitFor();
		assert.deepEqual((await email.getAttribute("aria-describedby")).split(" "), ["email-hint", "email-error"]);
		await accessible(page, "the form with a field that was left");
		await picture(page, "form-left");
		await email.press("End");
		await email.pressSequentially("@contoso.com");
		assert.equal(await errorOf(page, "email").count(), 0);
		assert.equal(await email.getAttribute("aria-invalid"), null);
		assert.equal(await email.getAttribute("aria-describedby"), "email-hint");
	});
});

test("an empty field is left out when a later one follows, and not when the page is only looked at", async () => {
	await visit(async (page) => {
		await page.goto(form);
		await page.locator("#company").focus();
		await page.locator("h1").click();
		assert.equal(await errorOf(page, "company").count(), 0, "after a click beside the form");
		await page.locator("#company").focus();
		await page.keyboard.press("Shift+Tab");
		assert.equal(await errorOf(page, "company").count(), 0, "when an earlier field follows");
		await page.locator("#company").focus();
		await page.keyboard.press("Tab");
		await errorOf(page, "company").waitFor();
		assert.equal(await errorOf(page, "country").count(), 0, "an optional field");
	});
});

test("a click beside a faulty field reaches what it was meant for", async () => {
	await visit(async (page) => {
		await page.goto(form);
		const button = page.locator("#form button[type=submit]");
		await button.scrollIntoViewIfNeeded();
		await page.locator("#email").fill("ana");
		// The error would move the button away from the mouse.
		const box = await button.boundingBox();
		await page.mouse.move(box.x + 10, box.y + 3);
		await page.mouse.down();
		await page.waitForTimeout(200);
		await page.mouse.up();
		await page.locator("[role=alert]").waitFor();
	}, { statuses: [422] });
});

test("what the server has said stays until the value is changed", async () => {
	await visit(async (page) => {
		await page.goto(form);
		await fill(page, { ...someone(), email: "ana@ab--c.com" });
		await send(page);
		await page.locator("[role=alert]").waitFor();
		const said = await errorOf(page, "email").textContent();
		await page.locator("#email").focus();
		await page.keyboard.press("Tab");
		assert.equal(await errorOf(page, "email").textContent(), said);
		await page.locator("#email").fill("ana@contoso.com");
		assert.equal(await errorOf(page, "email").count(), 0);
	}, { statuses: [422] });
});

test("the link of the status page is copied by a button", async () => {
	await visit(async (page, visitor) => {
		await visitor.grantPermissions(["clipboard-read", "clipboard-write"]);
		await page.goto(form);
		await fill(page, someone());
		await send(page);
		await page.waitForURL(statusPage);
		const address = page.url();
		await page.goto(`${address}?withdrawn=1#withdraw`);
		await page.locator("#copy").click();
		await page.locator(".copy [role=status]:not(:empty)").waitFor();
		assert.equal(await page.evaluate(() => navigator.clipboard.readText()), address);
		await accessible(page, "the status page with its link copied");
	});
	await visit(async (page) => {
		await page.goto(form);
		await fill(page, someone());
		await send(page);
		await page.waitForURL(statusPage);
		assert.equal(await page.locator("#copy").isVisible(), false, "without scripts");
	}, { script: false });
});

test("the heading of the status page changes with the state", async () => {
	await visit(async (page) => {
		await page.goto(form);
		await fill(page, someone());
		await send(page);
		await page.waitForURL(statusPage);
		await page.locator("#progress[data-state=finished]").waitFor({ state: "attached" });
		assert.equal(await page.locator("h1").innerText(), "We have checked your request");
		assert.equal(await page.title(), "We have checked your request");
		assert.equal(await page.locator("ol.way li.past svg").count(), 2, "tick marks");
	});
});
