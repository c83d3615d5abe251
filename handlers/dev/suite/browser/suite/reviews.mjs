// People decide about what waits: they sign in at the stand-in, and their votes have consequences.

import assert from "node:assert/strict";
import test from "node:test";
import {
	accessible, desktop, eventually, fill, fits, form, graph, invitations, patience, phone, picture, reviews, send, signIn, someone, statusPage, untilInvited, visit,
} from "./browser.mjs";

const others = [new URL(signIn).origin];
const projectGroup = "11111111-1111-4111-8111-111111111111"; // of the sample row for northwind.com
const tags = ["en", "ar", "de", "es", "fr", "ja", "ko", "pt", "zh-Hans"];

// signUp sends the form and returns the path of the request's page for those who decide.
async function signUp(partner) {
	let id = "";
	await visit(async (page) => {
		await page.goto(form);
		await fill(page, partner);
		await send(page);
		await page.waitForURL(statusPage);
		id = new URL(page.url()).pathname.split("/").pop();
	});
	return id;
}

// as signs a person in as a new visitor, and hands the queue to the steps.
async function as(person, steps, options = {}) {
	await visit(async (page, visitor) => {
		await page.goto(reviews);
		await page.getByRole("button", { name: person, exact: true }).click();
		await page.waitForURL(`${reviews}**`);
		await steps(page, visitor);
	}, { others, ...options });
}

// open opens the request once it waits.
async function open(page, id) {
	await eventually("the request waits", async () => {
		await page.goto(reviews);
		return await page.locator(`a[href="/reviews/${id}"]`).count() === 1;
	});
	await page.locator(`a[href="/reviews/${id}"]`).click();
	await page.waitForURL(`${reviews}/${id}`);
}

// counted looks again until the vote counts.
async function counted(page, text = "Your vote counts.") {
	await page.waitForURL(/\?sent=\d+$/);
	await eventually("the vote counts", async () => {
		await page.reload();
		return await page.locator("[role=status]").innerText() === text;
	});
}

test("two people approve, and the guest is in the groups of the row", async () => {
	const partner = { ...someone("northwind.com"), reason: "The tender of this spring.\nAsk for Sami." };
	const id = await signUp(partner);
	await as("Sven Second", async (page) => {
		await page.goto(`${reviews}/${id}`);
		await eventually("the request waits", async () => {
			await page.reload();
			return await page.locator("h1").innerText() === "Request: Ana Silva";
		});
		assert.equal(await page.getByRole("button", { name: "Approve Ana Silva" }).count(), 0, "the second approver does not come first");
	}, { statuses: [404] });
	await as("Sami Sponsor", async (page) => {
		await open(page, id);
		assert.match(await page.locator("main").innerText(), new RegExp(`${partner.email}[^]*The tender of this spring[^]*${projectGroup}`));
		await accessible(page, "a request that waits");
		await fits(page, "a request that waits");
		await picture(page, "reviews-request");
		await page.locator("#note").fill("I know her.");
		await page.getByRole("button", { name: "Approve Ana Silva" }).click();
		await counted(page);
		await accessible(page, "a request after a vote");
		await picture(page, "reviews-voted");
		assert.equal(await page.getByRole("button", { name: "Approve Ana Silva" }).count(), 0, "nobody votes twice");
	});
	assert.equal(await invitations(partner.email), 0, "one person is not enough");
	await as("Sven Second", async (page) => {
		await open(page, id);
		assert.match(await page.locator(".votes").innerText(), /Approved: sami@standin.example, as a sponsor[^]*I know her\./);
		await page.getByRole("button", { name: "Approve Ana Silva" }).click();
		await counted(page);
	}, { script: false });
	await untilInvited(partner.email);
	await eventually("the guest is in the group", async () => {
		const users = await (await fetch(`${graph}/stand-in/users`)).json();
		const memberships = await (await fetch(`${graph}/stand-in/memberships`)).json();
		const guest = users.find((user) => user.mail === partner.email);
		return memberships.some((m) => m.guestId === guest?.id && m.groupId === projectGroup);
	});
});

test("a denial needs a reason, and ends the request", async () => {
	const partner = someone("shop.fabrikam.com");
	const id = await signUp(partner);
	await as("Rosa Reviewer", async (page) => {
		await open(page, id);
		await page.locator("#denyNote").fill("Known from last year.");
		await page.getByRole("button", { name: "Deny Ana Silva" }).click();
		await page.locator("[role=alert]").waitFor();
		assert.equal(await page.locator("#denyNote").inputValue(), "Known from last year.");
		await accessible(page, "a denial without a reason");
		await picture(page, "reviews-no-reason");
		await page.locator("[role=alert] a").press("Enter");
		assert.equal(await page.evaluate(() => document.activeElement.id), "reason");
		await page.keyboard.type("We do not know this project.");
		await page.getByRole("button", { name: "Deny Ana Silva" }).press("Enter");
		await counted(page);
		assert.match(await page.locator("main").innerText(), /It is denied\.[^]*We do not know this project\.[^]*Nothing is left to decide here\./);
		await page.goto(reviews);
		assert.equal(await page.locator(`a[href="/reviews/${id}"]`).count(), 0, "it does not wait any more");
	}, { statuses: [422] });
	assert.equal(await invitations(partner.email), 0);
});

test("a request is found by its address and its reference", async () => {
	const partner = someone("shop.fabrikam.com");
	const id = await signUp(partner);
	let reference = "";
	await as("Aude Auditor", async (page) => {
		await eventually("the request waits", async () => {
			await page.goto(`${reviews}/${id}`);
			return await page.locator("h1").innerText() === "Request: Ana Silva";
		});
		await page.goto(reviews);
		reference = await page.locator(`a[href="/reviews/${id}"]`).innerText();
		await page.getByRole("link", { name: "Find a request" }).click();
		await page.getByRole("button", { name: "Find" }).click();
		await page.locator("[role=alert]").waitFor();
		await accessible(page, "a search for nothing");
		await picture(page, "reviews-search-wrong");
		await page.locator("[role=alert] a").press("Enter");
		assert.equal(await page.evaluate(() => document.activeElement.id), "wanted");
		await page.keyboard.type(partner.email);
		await page.keyboard.press("Enter");
		await page.locator("#results").waitFor();
		assert.equal(page.url(), `${reviews}/search`, "the address stands in no address of a page");
		assert.equal(await page.locator(`table a[href="/reviews/${id}"]`).innerText(), reference);
		assert.match(await page.locator("table").innerText(), /a\*\*\*@shop\.fabrikam\.com/);
		await accessible(page, "a search by address");
		await picture(page, "reviews-search");
		await page.getByRole("button", { name: "Look through older requests" }).press("Enter");
		await page.locator("#results").waitFor();
		assert.equal(await page.locator(`table a[href="/reviews/${id}"]`).count(), 1);
	}, { statuses: [404, 422] });
	await as("Otto Operator", async (page) => {
		await page.goto(`${reviews}/search`);
		await page.locator("#wanted").fill(reference.toLowerCase().replaceAll("-", " "));
		await page.getByRole("button", { name: "Find" }).click();
		await page.locator("#results").waitFor();
		assert.match(await page.locator("tbody").innerText(), new RegExp(reference));
		assert.equal(await page.locator("tbody a").count(), 0, "an operator opens no request");
		await accessible(page, "what an operator finds");
	}, { script: true });
});

test("what was decided is listed and filtered", async () => {
	const partner = someone("shop.fabrikam.com");
	const id = await signUp(partner);
	await as("Rosa Reviewer", async (page) => {
		await open(page, id);
		await page.locator("#reason").fill("We do not know this project.");
		await page.getByRole("button", { name: "Deny Ana Silva" }).click();
		await counted(page);
		await page.goto(`${reviews}/history`);
		await page.locator("#outcome").selectOption("denied");
		await page.locator("#domain").fill("@shop.fabrikam.com");
		await page.getByRole("button", { name: "Show" }).click();
		await page.waitForURL(`${reviews}/history?domain=shop.fabrikam.com&outcome=denied`);
		assert.equal(await page.locator(`table a[href="/reviews/${id}"]`).count(), 1);
		await page.locator("#domain").fill(partner.email);
		await page.getByRole("button", { name: "Show" }).press("Enter");
		await page.locator("[role=alert]").waitFor();
		await accessible(page, "a filter that is wrong");
		await picture(page, "reviews-history-wrong");
	}, { statuses: [422] });
});

test("who takes no part sees nothing, and guests are not let in", async () => {
	const id = await signUp(someone("shop.fabrikam.com"));
	await as("Nora Nobody", async (page) => {
		assert.equal(await page.locator("h1").innerText(), "No request waits for you");
		await accessible(page, "an empty queue");
		await picture(page, "reviews-empty");
		await page.goto(`${reviews}/${id}`);
		assert.equal(await page.locator("h1").innerText(), "There is nothing here for you");
		await accessible(page, "a request of others");
		await page.goto(reviews);
		await page.getByRole("button", { name: "Sign out" }).click();
		await page.waitForURL(`${reviews}/signed-out`);
		await accessible(page, "after signing out");
	}, { statuses: [404] });
	await as("Gus Guest", async (page) => {
		assert.equal(await page.locator("h1").innerText(), "Guests can’t sign in here");
	}, { statuses: [403] });
});

test("policy rows are read and tried, and change nothing", async () => {
	await as("Pia Policies", async (page) => {
		await page.getByRole("link", { name: "Policy rows" }).click();
		assert.match(await page.locator("tbody").innerText(), /left[^]*m\*\*\*@contoso\.com[^]*deny[^]*two people[^]*northwind\.com/);
		await accessible(page, "the policy rows");
		await picture(page, "reviews-policies");
		await page.getByRole("link", { name: "two people" }).press("Enter");
		await page.locator("#row").waitFor();
		await eventually("upkeep has asked for the names of groups", async () => {
			await page.reload();
			return (await page.locator("main").innerText()).includes(`Project Tulip (${projectGroup})`);
		});
		assert.match(await page.locator("main").innerText(), new RegExp(`northwind\\.com[^]*${projectGroup}[^]*The sponsor decides`));
		await accessible(page, "a policy row");
		await picture(page, "reviews-policy");
		await page.getByRole("link", { name: "Policy rows" }).first().click();
		await page.getByRole("link", { name: "Which sign-ups would be decided otherwise?" }).click();
		assert.equal(await page.locator("h1").innerText(), "What would be decided otherwise");
		assert.match(await page.locator("main").innerText(), /Sign-ups that were looked at\s+[1-9][^]*None of these sign-ups would be decided otherwise/);
		await accessible(page, "what would be decided otherwise");
		await picture(page, "reviews-replay");
		await page.getByRole("link", { name: "Try an address" }).click();
		await page.getByRole("button", { name: "Explain" }).click();
		await page.locator("[role=alert] a").press("Enter");
		assert.equal(await page.evaluate(() => document.activeElement.id), "email");
		await page.keyboard.type("contoso.com");
		await page.keyboard.press("Enter");
		await page.locator("#verdict").waitFor();
		assert.equal(await page.locator("#verdict").innerText(), "The partner would be invited");
		assert.equal(page.url(), `${reviews}/explain`, "what is typed stands in no address of a page");
		await accessible(page, "an explanation");
		await picture(page, "reviews-explain");
		await page.goto(`${reviews}/operation`);
		assert.equal(await page.locator("h1").innerText(), "This page is not for you");
		await accessible(page, "a page for another role");
	}, { statuses: [403, 422] });
	await as("Otto Operator", async (page) => {
		await page.getByRole("link", { name: "Operation" }).click();
		assert.match(await page.locator("main").innerText(), /Invitations are sent/);
		await accessible(page, "the operation");
		await picture(page, "reviews-operation");
	}, { script: true });
});

// fault orders that the stand-in for Graph answers calls like that; "" ends all such orders.
async function fault(order) {
	const response = await fetch(`${graph}/stand-in/faults`, order === ""
		? { method: "DELETE" }
		: { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(order) });
	assert.ok(response.ok, `the order of a fault is answered with ${response.status}: ${await response.text()}`);
}

// carriedOut looks again until the order was carried out.
async function carriedOut(page) {
	await page.waitForURL(/\?sent=\d+$/);
	await eventually("the order is carried out", async () => {
		await page.reload();
		return await page.locator("[role=status]").innerText() === "Your order was carried out.";
	});
}

test("an operator has a failed request tried again, and its mail sent again", async () => {
	const partner = someone();
	await fault({
		match: { method: "POST", path: "/v1.0/groups/*", body: "" }, times: 2, status: 400,
		code: "Request_BadRequest", message: "Cannot Update a mail-enabled security groups and or distribution list.",
	});
	await signUp(partner);
	await as("Otto Operator", async (page) => {
		const link = page.locator("tbody tr", { hasText: "a***@contoso.com" }).filter({ hasText: "failed" }).locator("a");
		await eventually("the request has failed", async () => {
			await page.goto(`${reviews}/history?outcome=failed`);
			return await link.count() > 0;
		});
		await fault("");
		await accessible(page, "the failed requests");
		await link.first().click();
		await page.waitForURL(`${reviews}/orders/*`);
		const address = page.url();
		assert.doesNotMatch(await page.content(), /Silva|ana\.\d/, "nothing of the partner but the masked address");
		await accessible(page, "the orders about a request");
		await picture(page, "reviews-orders");
		for (const [name, size] of [["desktop", desktop], ["phone", phone]]) {
			await page.setViewportSize(size);
			for (const tag of tags) {
				await page.goto(`${address}?lang=${tag}`);
				await fits(page, `orders in ${tag}`);
				if (["ar", "de", "ja"].includes(tag)) {
					await picture(page, `reviews-orders-${name}-${tag}`);
				}
			}
		}
		await page.setViewportSize(desktop);
		await page.goto(`${address}?lang=en`);
		await page.getByRole("button", { name: "Try again" }).press("Enter");
		await page.waitForURL(/\?sent=\d+$/);
		await picture(page, "reviews-orders-sent");
		await carriedOut(page);
		await eventually("the guest is in the groups", async () => {
			await page.reload();
			return /Invited/.test(await page.locator("main").innerText());
		});
		assert.match(await page.locator("main").innerText(), /retried[^]*Otto Operator|retried[^]*otto@standin\.example/);
		await page.goto(address);
		await page.getByRole("button", { name: "Send the mail again" }).click();
		await carriedOut(page);
		await picture(page, "reviews-orders-done");
	});
	// The link in a mail is asked for by another invitation, so those are not counted.
	const users = await (await fetch(`${graph}/stand-in/users`)).json();
	assert.equal(users.filter((user) => user.mail === partner.email).length, 1, "there is one guest");
});

test("an operator closes the circuit breaker", async () => {
	await fault({ match: { method: "POST", path: "/v1.0/invitations" }, always: true, status: 403, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation." });
	const partners = [someone(), someone()];
	for (const partner of partners) {
		await signUp(partner);
	}
	await as("Otto Operator", async (page) => {
		await eventually("the breaker is open", async () => {
			await page.goto(`${reviews}/operation`);
			return /No invitations are sent/.test(await page.locator("main").innerText());
		});
		await fault("");
		await accessible(page, "the operation while the breaker is open");
		await picture(page, "reviews-breaker");
		for (const [name, size] of [["desktop", desktop], ["phone", phone]]) {
			await page.setViewportSize(size);
			for (const tag of tags) {
				await page.goto(`${reviews}/operation?lang=${tag}`);
				await fits(page, `the open breaker in ${tag}`);
				if (["ar", "de", "ja"].includes(tag)) {
					await picture(page, `reviews-breaker-${name}-${tag}`);
				}
			}
		}
		await page.setViewportSize(desktop);
		await page.goto(`${reviews}/operation?lang=en`);
		await page.getByRole("button", { name: "Close the circuit breaker" }).click();
		await page.locator("[role=alert]").waitFor();
		await accessible(page, "an order that does not say that the cause is gone");
		await picture(page, "reviews-breaker-unconfirmed");
		await page.locator("[role=alert] a").press("Enter");
		assert.equal(await page.evaluate(() => document.activeElement.id), "gone");
		await page.keyboard.press("Space");
		await page.getByRole("button", { name: "Close the circuit breaker" }).press("Enter");
		await carriedOut(page);
		assert.match(await page.locator("main").innerText(), /Invitations are sent[^]*\(b0000000-0000-4000-8000-000000000008\)/);
	}, { statuses: [422] });
	for (const partner of partners) {
		// The first of them waits for a minute or more by itself: it was alone with its trouble then.
		await untilInvited(partner.email, 2 * patience);
	}
});

test("the pages of roles fit, in every language", async () => {
	for (const [name, size] of [["desktop", desktop], ["phone", phone]]) {
		await as("Aude Auditor", async (page) => {
			await page.goto(`${reviews}/policies`);
			const row = await page.getByRole("link", { name: "two people" }).getAttribute("href");
			for (const tag of tags) {
				for (const [what, address] of [["policies", "/reviews/policies"], ["policy", row], ["replay", "/reviews/policies/replay"], ["operation", "/reviews/operation"], ["explain", "/reviews/explain"]]) {
					await page.goto(new URL(`${address}?lang=${tag}`, reviews).href);
					if (what === "explain") {
						await page.locator("#email").fill("shop.fabrikam.com");
						await page.locator("form.card button").click();
						await page.locator("#verdict").waitFor();
					}
					await fits(page, `${what} in ${tag}`);
					if (tag === "ar" || tag === "de") {
						await accessible(page, `${what} in ${tag}`);
						await picture(page, `reviews-${what}-${name}-${tag}`);
					}
				}
			}
		}, { size, dark: name === "phone" });
	}
});

for (const [name, size] of [["desktop", desktop], ["phone", phone]]) {
	test(`the pages fit a ${name}, in every language`, async () => {
		const id = await signUp({ ...someone("northwind.com"), reason: "A reason." });
		await signUp(someone("shop.fabrikam.com"));
		await as("Rosa Reviewer", async (page) => {
			await open(page, id);
			for (const tag of tags) {
				for (const [what, address] of [["queue", reviews], ["request", `${reviews}/${id}`], ["search", `${reviews}/search`], ["history", `${reviews}/history`]]) {
					await page.goto(`${address}?lang=${tag}`);
					assert.equal(await page.locator("html").getAttribute("lang"), tag);
					await fits(page, `${what} in ${tag}`);
					await picture(page, `reviews-${what}-${name}-${tag}`);
				}
			}
		}, { size });
		await as("Rosa Reviewer", async (page) => {
			for (const tag of tags) {
				for (const address of [reviews, `${reviews}/${id}`, `${reviews}/search`, `${reviews}/history`]) {
					await page.goto(`${address}?lang=${tag}`);
					await accessible(page, `${address} in ${tag}`);
				}
			}
		}, { size, dark: true });
	});
}
