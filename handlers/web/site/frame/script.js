"use strict";
// The pages work without scripts.
(() => {
	// A second click sends nothing, also of a form that a script has put in. A page that comes back
	// from the history can be sent again.
	const labels = new Map();
	addEventListener("submit", (event) => {
		const button = event.target.querySelector("button[type=submit]");
		if (button.getAttribute("aria-disabled")) {
			event.preventDefault();
			return;
		}
		labels.set(button, button.textContent);
		button.setAttribute("aria-disabled", "true");
		if (event.target.dataset.sending) {
			button.textContent = event.target.dataset.sending;
		}
	});
	addEventListener("pageshow", () => {
		for (const [button, label] of labels) {
			button.removeAttribute("aria-disabled");
			button.textContent = label;
		}
		labels.clear();
	});
})();
