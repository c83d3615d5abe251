"use strict";
// The pages work without scripts.
(() => {
	// A second click sends nothing. A page that comes back from the history can be sent again.
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
})();
