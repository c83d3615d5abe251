"use strict";
(() => {
	// A visible status page reloads its progress, and changes only with the state.
	const progress = document.getElementById("progress");
	if (progress && "again" in progress.dataset) {
		document.getElementById("updates").hidden = false;
		let wait = 5000;
		const update = async () => {
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
					// The next attempt may succeed.
				}
			}
			wait = Math.min(wait * 1.5, 60000);
			setTimeout(update, wait);
		};
		setTimeout(update, wait);
	}
})();
