// A partner proves the mailbox by the code that is mailed, with the real handler.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
	codeIn, eventually, fill, fits, form, graph, invitations, mails, mailsTo, phone, picture, send, smallPhone, someone, statusPage,
	untilInvited, untilMailed, visit, accessible,
} from "./browser.mjs";

const mailsOrigin = new URL(mails).origin;
const graphOrigin = new URL(graph).origin;

// until waits until the part about the code is in a state, without loading the page again.
const until = (page, wanted) => page.locator(`#proof[data-state=${wanted}]`).waitFor({ state: "attached" });

// guestOf returns the user of the tenant with the address.
async function guestOf(email) {
	const users = await (await fetch(`${graph}/stand-in/users`)).json();
	return users.find((user) => user.mail === email);
}

// shot saves a screenshot of a page that is not one of the app's.
const shot = (page, name) => page.screenshot({ path: `${process.env.BROWSERTEST_SCREENSHOTS}/${name}.png`, fullPage: true });

// signUp sends the form and returns the address of the status page.
async function signUp(page, partner) {
	await page.goto(form);
	await fill(page, partner);
	await send(page);
	await page.waitForURL(statusPage);
	return page.url();
}

const digits = (from) => (code) => code.replace(/\d/g, (digit) => String.fromCharCode(from.charCodeAt(0) + Number(digit)));

for (const { tag, typed, target } of [
	{ tag: "en", typed: (code) => code, target: "myapplications.microsoft.com" },
	{ tag: "ar", typed: digits("٠"), target: "myapplications.microsoft.com" },
	{ tag: "ja", typed: digits("０"), target: "myapplications.microsoft.com" },
]) {
	test(`a partner goes from the form to the tenant in ${tag}`, async () => {
		const partner = someone("fabrikam.com");
		await visit(async (page, visitor) => {
			const status = await signUp(page, partner);
			assert.equal(await page.locator("html").getAttribute("lang"), tag);
			await page.locator("#progress[data-state=finished]").waitFor({ state: "attached" });
			await fits(page, `the field for the code in ${tag}`);
			await accessible(page, `the field for the code in ${tag}`);
			await picture(page, `${tag}-proof-wanted`);
			assert.equal(await invitations(partner.email), 0);

			// The partner reads the code as a person does who follows the README.
			await untilMailed(partner.email, 1);
			const inbox = await visitor.newPage();
			await inbox.goto(mails);
			await shot(inbox, `${tag}-stand-in-mails`);
			await inbox.locator("tr", { hasText: partner.email }).first().locator("td a").first().click();
			await inbox.waitForURL(/\.html$/);
			assert.equal(await inbox.locator("html").getAttribute("lang"), tag, "the language of the mail");
			const [code] = /\d{4} \d{4}/.exec(await inbox.locator("body").innerText());
			await shot(inbox, `${tag}-stand-in-code`);
			await inbox.locator(`a[href="${status}"]`).click();
			await inbox.waitForURL(status);
			await inbox.locator("#code").waitFor();

			await page.locator("#code").fill(typed(code));
			await page.locator("#code").press("Enter");
			await until(page, "done-1");
			await accessible(page, `the proved page in ${tag}`);
			await picture(page, `${tag}-proof-done`);
			await untilInvited(partner.email);

			await untilMailed(partner.email, 2);
			await inbox.goto(mails);
			await inbox.locator("tr", { hasText: partner.email }).first().locator("td a").first().click();
			await inbox.waitForURL(/\.html$/);
			assert.equal(await inbox.locator("html").getAttribute("lang"), tag, "the language of the invitation");
			await shot(inbox, `${tag}-stand-in-invitation`);
			await inbox.locator("a[href*=redeem]").first().click();
			await inbox.waitForURL(`${graphOrigin}/**`);
			await shot(inbox, `${tag}-stand-in-redeem`);
			assert.equal((await guestOf(partner.email)).externalUserState, "PendingAcceptance");
			const onward = inbox.waitForRequest((request) => new URL(request.url()).hostname === target);
			await inbox.locator("button").click();
			await onward;
			assert.equal((await guestOf(partner.email)).externalUserState, "Accepted");
		}, { language: tag, size: smallPhone, others: [mailsOrigin, graphOrigin] });
	});
}

test("five wrong codes end the sign-up", async () => {
	const partner = someone("fabrikam.com");
	await visit(async (page) => {
		const status = await signUp(page, partner);
		const right = codeIn(await untilMailed(partner.email, 1));
		const wrong = right.replace(/\d/g, (digit) => (Number(digit) + 1) % 10);
		for (let tries = 1; tries <= 5; tries += 1) {
			await page.locator("#code").fill(wrong);
			await page.locator("#prove button").click();
			await until(page, tries < 5 ? `wrong-${tries}` : `spent-${tries}`);
			await accessible(page, `after ${tries} wrong codes`);
		}
		await picture(page, "proof-spent");
		// The page has no field any more, and the right code sent to it changes nothing.
		assert.equal(await page.locator("#code").count(), 0);
		const body = new URLSearchParams({ action: "prove", code: right });
		assert.equal((await fetch(status, { method: "POST", body, redirect: "manual" })).status, 303);
		await page.waitForTimeout(3000); // longer than the queue is polled
		await page.goto(status);
		assert.equal(await page.locator("#proof").getAttribute("data-state"), "spent-5");
	}, { size: phone });
	assert.equal(await invitations(partner.email), 0);
	assert.equal((await mailsTo(partner.email)).length, 1);
});

// linksIn returns the addresses in a mail, in its text and in its HTML.
async function linksIn(page, mail) {
	const links = new Set(mail.text.match(/https?:\/\/\S+/g));
	await page.goto(`${mails}/${mail.number}.html`);
	for (const link of await page.locator("[href]").evaluateAll((elements) => elements.map((element) => element.href))) {
		links.add(link);
	}
	assert.ok(links.size > 0, "the mail has no links");
	return [...links];
}

// scan does with a link what mail gateways do: it asks for the head, reads it, and opens it in a
// browser that runs scripts. With press, it sends every form of the page as it is, by its button and
// without it, and follows every link of the page that leads to the same origin.
async function scan(page, link, press) {
	const seen = [];
	await fetch(link, { method: "HEAD", redirect: "manual" }); // the Functions host knows no HEAD of the page
	const response = await fetch(link, { redirect: "manual" });
	assert.equal(response.status, 200, `GET of ${link}`);
	await page.goto(link, { waitUntil: "networkidle" });
	const forms = press ? await page.locator("form").count() : 0;
	for (let i = 0; i < forms; i += 1) {
		for (const way of ["click", "submit"]) {
			await page.goto(link, { waitUntil: "networkidle" });
			const landed = page.waitForEvent("framenavigated");
			const name = await page.locator("form").nth(i).evaluate((element, how) => {
				// Not within the call, which the navigation would end.
				setTimeout(() => (how === "click" ? element.querySelector("button").click() : element.submit()));
				return element.id;
			}, way);
			await landed;
			await page.waitForLoadState("networkidle");
			seen.push(name);
		}
	}
	if (press) {
		const next = await page.locator("a[href]").evaluateAll((elements) => elements.map((element) => element.href));
		for (const address of next.filter((one) => new URL(one).origin === new URL(form).origin)) {
			await page.goto(address, { waitUntil: "networkidle" });
		}
	}
	return seen;
}

test("a mail scanner proves nothing and withdraws nothing", async () => {
	const partner = someone("fabrikam.com");
	const others = [mailsOrigin, graphOrigin];
	let status = "";
	await visit(async (page) => {
		status = await signUp(page, partner);
	});
	const mail = await untilMailed(partner.email, 1);
	// The scanner is another visitor. What it sends is often refused.
	await visit(async (page) => {
		const pressed = new Set();
		for (const link of await linksIn(page, mail)) {
			for (const name of await scan(page, link, true)) {
				pressed.add(name);
			}
		}
		assert.deepEqual([...pressed].sort(), ["prove", "resend", "withdraw"], "the forms that it has sent");
	}, { others, statuses: [422] });
	const told = async () => (await fetch(status, { headers: { Accept: "application/json" } })).json();
	assert.deepEqual(await told(), { stage: "finished" });
	assert.equal(await invitations(partner.email), 0);
	assert.equal((await mailsTo(partner.email)).length, 1, "a wish for another code counts later");

	// The sign-up is as it was: the code still proves the mailbox.
	await visit(async (page) => {
		await page.goto(status);
		await page.locator("#code").fill(codeIn(mail));
		await page.locator("#prove button").click();
		await until(page, "done-1");
	});
	await untilInvited(partner.email);
	const invitation = await untilMailed(partner.email, 2);
	await visit(async (page) => {
		for (const link of await linksIn(page, invitation)) {
			// Behind a redeem URL, Microsoft asks to sign in. The button of the stand-in needs none.
			await scan(page, link, new URL(link).origin !== graphOrigin);
		}
	}, { others, statuses: [422] });
	assert.deepEqual(await told(), { stage: "finished", tries: 1, proved: true });
	assert.equal((await guestOf(partner.email)).externalUserState, "PendingAcceptance");
	await eventually("the withdrawal that a person confirms", async () => {
		await visit(async (page) => {
			await page.goto(`${status}#withdraw`);
			await page.locator("#confirm").check();
			await page.locator("#withdraw button").click();
			await page.locator(".notice").waitFor();
		});
		return true;
	});
	await eventually("the withdrawn state", async () => (await told()).outcome === "withdrawn");
});
