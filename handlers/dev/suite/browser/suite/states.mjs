// Every state that the status page can show, in every language.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
	fill, fits, form, graph, patience, picture, proveMailbox, send, smallPhone, someone, statusPage, unrecorded, visit,
	accessible,
} from "./browser.mjs";

// signUp sends the form and returns the address of the status page.
async function signUp(page, partner) {
	await page.goto(form);
	await fill(page, partner);
	await send(page);
	await page.waitForURL(statusPage);
	return page.url();
}

// signUpAndProve does that for somebody who has the mailbox.
async function signUpAndProve(page, partner) {
	const address = await signUp(page, partner);
	await proveMailbox(page, partner.email);
	return address;
}

// until waits for the status page to show a state.
async function until(page, address, state) {
	let seen = "";
	for (const end = Date.now() + patience; seen !== state; ) {
		assert.ok(Date.now() < end, `the status page says ${seen}, not ${state}`);
		await page.goto(address);
		seen = await page.locator("#progress").getAttribute("data-state");
		await page.waitForTimeout(100);
	}
}

async function order(what, body) {
	const response = await fetch(`${graph}/stand-in/${what}`, {
		method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
	});
	assert.ok(response.ok, `${what} is answered with ${response.status}: ${await response.text()}`);
}

// How to reach each state. The last one blocks the directory: nothing can be invited after it.
const ways = {
	// An id that was issued and is not recorded counts as received.
	received: async (page) => {
		const address = await signUp(page, someone());
		return address.replace(/[^/]+$/, unrecorded);
	},
	proving: (page) => signUp(page, someone()),
	waiting: (page) => signUpAndProve(page, someone("fabrikam-subsidiary.com")),
	refused: (page) => signUp(page, { ...someone(), email: "mallory@contoso.com" }),
	invited: (page) => signUpAndProve(page, someone()),
	joined: async (page) => {
		const partner = someone();
		await order("users", { mail: partner.email, userType: "Guest", creationType: "Invitation", externalUserState: "Accepted" });
		return signUpAndProve(page, partner);
	},
	withdrawn: async (page) => {
		const address = await signUp(page, someone("fabrikam-subsidiary.com"));
		await page.locator("details.withdraw summary").click();
		await page.locator("#confirm").check();
		await page.locator("#withdraw button").click();
		await page.locator(".notice").waitFor();
		return address;
	},
	inviting: async (page) => {
		await order("faults", {
			match: { method: "POST", path: "/v1.0/invitations" }, status: 403, code: "Forbidden",
			message: "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support",
		});
		return signUpAndProve(page, someone());
	},
};

for (const [state, way] of Object.entries(ways)) {
	test(`the status page shows ${state} in every language`, async () => {
		await visit(async (page) => {
			const address = await way(page);
			await until(page, address, state);
			const tags = await page.locator("nav a[hreflang]").evaluateAll((links) => links.map((link) => link.hreflang));
			assert.equal(tags.length, 9);
			const texts = new Set();
			for (const tag of tags) {
				await page.goto(`${address}?lang=${tag}`);
				assert.equal(await page.locator("html").getAttribute("lang"), tag);
				assert.equal(await page.locator("#progress").getAttribute("data-state"), state, "the state stays");
				texts.add(await page.locator("#progress").innerText());
				await fits(page, `${state} in ${tag}`);
				await accessible(page, `${state} in ${tag}`);
				await picture(page, `${tag}-${state}`);
			}
			assert.equal(texts.size, tags.length, "texts differ between languages");
		}, { size: smallPhone });
	});
}
