"use strict";
(() => {
	// A visible status page reloads its parts, and changes only with their states. A part stays as it
	// is while somebody types into it.
	const parts = ["happened", "progress", "proof"].map((id) => document.getElementById(id)).filter((part) => part);
	const again = document.querySelector(".again");
	if (parts.length > 0 && again) {
		document.getElementById("updates").hidden = false;
		const busy = (part) => part.contains(document.activeElement) || part.querySelector("#code")?.value;
		const look = again.querySelector("a").href;
		// A code is compared within seconds.
		let wait = document.querySelector("#proof[data-state^=checking]") ? 1500 : 5000;
		const update = async () => {
			if (document.visibilityState === "visible") {
				try {
					const answer = await fetch(look, { headers: { Accept: "text/html" }, cache: "no-store" });
					const page = new DOMParser().parseFromString(await answer.text(), "text/html");
					let changed = false;
					for (const part of answer.ok ? parts : []) {
						const now = page.getElementById(part.id);
						if (now && now.dataset.state !== part.dataset.state && !busy(part)) {
							part.replaceChildren(...now.childNodes);
							part.dataset.state = now.dataset.state;
							changed = true;
						}
					}
					if (changed) {
						document.title = page.title;
						const aside = document.querySelector(".aside");
						if (!aside.contains(document.activeElement)) {
							aside.replaceWith(page.querySelector(".aside"));
						}
						if (!page.querySelector(".again")) {
							again.remove();
							return;
						}
						wait = 5000;
					}
				} catch {
					// The next attempt may succeed.
				}
			}
			wait = Math.min(wait * 1.5, 60000);
			setTimeout(update, wait);
		};
		setTimeout(update, wait);
	}

	// The address without what an instruction has left in it. Browsers let a page copy only over
	// TLS and on this machine.
	const copy = document.getElementById("copy");
	if (copy && navigator.clipboard) {
		copy.parentElement.hidden = false;
		copy.addEventListener("click", async () => {
			const told = copy.nextElementSibling;
			try {
				await navigator.clipboard.writeText(location.origin + location.pathname);
				told.textContent = copy.dataset.copied;
			} catch {
				told.textContent = location.origin + location.pathname;
			}
		});
	}

	// A mail's link leads to the withdrawal, which is folded: not every browser opens it.
	if (location.hash === "#withdraw") {
		document.querySelector(".withdraw")?.setAttribute("open", "");
	}
})();
