"use strict";
// All of this helps, and nothing needs it: the pages do the same without.
(() => {
	const byId = (id) => document.getElementById(id);

	// A code in a link is a secret: it does not stay in the address bar, in the history, or in what is shared.
	const here = new URL(location.href);
	if (here.searchParams.has("code")) {
		here.searchParams.delete("code");
		history.replaceState(null, "", here);
	}

	// Nothing is sent twice by a second click. A page that comes back from the history can be sent again.
	for (const form of document.forms) {
		const button = form.querySelector("button[type=submit]");
		const label = button && button.textContent;
		form.addEventListener("submit", (event) => {
			if (button.getAttribute("aria-disabled")) {
				event.preventDefault();
				return;
			}
			button.setAttribute("aria-disabled", "true");
			if (form.dataset.sending) {
				button.textContent = form.dataset.sending;
			}
		});
		addEventListener("pageshow", () => {
			button.removeAttribute("aria-disabled");
			button.textContent = label;
		});
	}

	// What is left of a text's room, told aloud only once there is none.
	const reason = document.querySelector("textarea[data-limit]");
	if (reason) {
		const limit = Number(reason.dataset.limit);
		const counter = document.createElement("p");
		counter.className = "hint counter";
		counter.dir = "ltr";
		const count = () => {
			const used = [...reason.value].length;
			const over = used > limit;
			counter.textContent = `${used} / ${limit}`;
			counter.classList.toggle("over", over);
			if (over) {
				counter.setAttribute("role", "status");
			} else {
				counter.removeAttribute("role");
			}
		};
		reason.after(counter);
		reason.addEventListener("input", count);
		count();
	}

	// A domain with one slip gets a question at once, and not only after sending.
	const email = byId("email");
	const suggestion = byId("suggestion");
	if (email && suggestion) {
		const popular = suggestion.dataset.popular.split(" ");
		const oneSlip = (typed, meant) => {
			let i = 0;
			while (i < typed.length && typed[i] === meant[i]) {
				i += 1;
			}
			const a = typed.slice(i);
			const b = meant.slice(i);
			return a.slice(1) === b || a === b.slice(1) || a.length === b.length && a !== "" &&
				(a.slice(1) === b.slice(1) || a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2));
		};
		const ask = () => {
			suggestion.replaceChildren();
			const [local, domain, more] = email.value.trim().toLowerCase().split("@");
			if (!local || !domain || more !== undefined || popular.includes(domain)) {
				return;
			}
			const meant = popular.find((name) => oneSlip(domain, name));
			if (!meant || domain === "mail.com") {
				return;
			}
			const address = `${local}@${meant}`;
			const use = document.createElement("button");
			use.type = "button";
			use.className = "link";
			use.textContent = suggestion.dataset.use;
			use.addEventListener("click", () => {
				email.value = address;
				suggestion.replaceChildren();
				email.focus();
			});
			suggestion.append(`${suggestion.dataset.ask.replace("{}", () => address)} `, use);
		};
		email.addEventListener("change", ask);
		email.addEventListener("input", () => suggestion.replaceChildren());
	}

	// A status page that is looked at asks again by itself, and changes only if there is something new to say.
	const progress = byId("progress");
	if (progress && "again" in progress.dataset) {
		byId("updates").hidden = false;
		let wait = 5000;
		const look = async () => {
			if (document.visibilityState === "visible") {
				try {
					const answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, cache: "no-store" });
					const page = new DOMParser().parseFromString(await answer.text(), "text/html");
					const now = page.getElementById("progress");
					if (answer.ok && now && now.dataset.state !== progress.dataset.state) {
						progress.replaceChildren(...now.childNodes);
						progress.dataset.state = now.dataset.state;
						const aside = document.querySelector(".aside");
						if (!aside.contains(document.activeElement)) {
							aside.replaceWith(page.querySelector(".aside"));
						}
						if (!("again" in now.dataset)) {
							document.querySelector(".again").remove();
							return;
						}
						wait = 5000;
					}
				} catch {
					// There will be another time.
				}
			}
			wait = Math.min(wait * 1.5, 60000);
			setTimeout(look, wait);
		};
		setTimeout(look, wait);
	}
})();
