"use strict";
(() => {
	const byId = (id) => document.getElementById(id);

	// A code in a link is a secret: remove it from the address bar and the history.
	const here = new URL(location.href);
	if (here.searchParams.has("inviteCode") || here.searchParams.has("code")) {
		here.searchParams.delete("inviteCode");
		here.searchParams.delete("code");
		history.replaceState(null, "", here);
	}

	// Choosing another language keeps what was typed, once and in this tab. A ticked box is not
	// kept: the terms differ by language.
	const signup = byId("form");
	if (signup) {
		const typed = () => [...signup.elements].filter((field) => field.name && !["hidden", "checkbox", "submit"].includes(field.type));
		try {
			const kept = JSON.parse(sessionStorage.getItem("typed")) ?? {};
			sessionStorage.removeItem("typed");
			for (const field of typed()) {
				field.value = kept[field.name] ?? field.value;
			}
			// A language that was opened in another tab has left it here.
			signup.addEventListener("submit", () => sessionStorage.removeItem("typed"));
			for (const link of document.querySelectorAll("nav a[hreflang]")) {
				link.addEventListener("click", () => {
					sessionStorage.setItem("typed", JSON.stringify(Object.fromEntries(typed().map((field) => [field.name, field.value]))));
				});
			}
		} catch {
			// Without session storage the form starts empty.
		}
	}

	// The counter of the reason is shown near the limit, and announced only over it.
	const reason = document.querySelector("textarea[data-limit]");
	if (reason) {
		const limit = Number(reason.dataset.limit);
		const counter = document.createElement("p");
		counter.className = "hint counter";
		counter.dir = "ltr";
		const count = () => {
			const used = [...reason.value].length;
			const over = used > limit;
			counter.hidden = used < limit * 0.9;
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

	// A mistyped domain gets a suggestion at once, not only after sending.
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
		// As on the server: a word of its own is right, and so is nearly every name beside a short one.
		const words = suggestion.dataset.words.split(" ");
		const isOwn = (typed, meant) => {
			const [name] = typed.split(".");
			const [popular] = meant.split(".");
			if (name === popular) {
				return false;
			}
			if (popular.length >= 5) {
				return words.includes(name);
			}
			return ![...popular].some((letter, i) => name === popular.slice(0, i + 1) + popular.slice(i) ||
				i > 0 && name === popular.slice(0, i - 1) + letter + popular[i - 1] + popular.slice(i + 1));
		};
		const ask = () => {
			suggestion.replaceChildren();
			const [local, domain, more] = email.value.trim().toLowerCase().split("@");
			if (!local || !domain || more !== undefined || popular.includes(domain)) {
				return;
			}
			const meant = popular.find((name) => oneSlip(domain, name) && !isOwn(domain, name));
			if (!meant) {
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
})();
