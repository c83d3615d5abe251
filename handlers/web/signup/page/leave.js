"use strict";
// A field is checked when it is left, with the texts of the server. What the server alone can judge,
// it says after sending.
(() => {
	const form = document.getElementById("form");
	if (!form) {
		return;
	}

	// The rules of an address in the order of the server, as long as it is ASCII. A rule without a
	// text ends the search: the server has more to say.
	const addressRules = {
		space: /\s/, quoted: /"/, comment: /[()]/, guestAccount: /#ext#/i,
		noAt: /^[^@]*$/, twoAts: /@.*@/, localMissing: /^@/, domainMissing: /@$/,
		plus: /^[\w'.-]*\+/, forbiddenCharacter: /^[\w'.-]*[^\w'.@-]/, localTooLong: /^[^@]{65}/, localDots: /^\.|\.@|\.\..*@/, localHyphens: /^-|-@/,
		ipAddress: /@[\d.]+$|@.*[[\]:]/, domainCharacter: /@.*[^a-z\d.@-]/i, domainTooDeep: /(\..*){10}$/,
		domainHyphens: /@.*(--|[@.-]-|-[.])|@-|-$/, labelTooLong: /[^@.]{64}/, domainDots: /@\.|\.\.|\.$/, domainIncomplete: /@[^.]*$/,
	};
	// A text like this breaks no rule that the server looks at before the length.
	const plain = /^\p{L}(?!.*:\/\/)[^<>\p{C}]*$/u;
	const faultOf = (field) => {
		const texts = field.dataset;
		const value = field.type === "checkbox" && !field.checked ? "" : field.value.trim();
		if (value === "") {
			return texts.required ?? "";
		}
		if (texts.max && [...value.normalize("NFC")].length > Number(texts.limit)) {
			return plain.test(value) ? texts.max : "";
		}
		if (field.type !== "email" || !/^[\x20-\x7e]{1,254}$/.test(value)) {
			return "";
		}
		const rule = Object.keys(addressRules).find((name) => addressRules[name].test(value));
		return (rule && (texts.address ?? texts[rule])) ?? "";
	};

	// What the server has said of a value holds until it is changed.
	const told = new Map();
	const errorOf = (field) => document.getElementById(`${field.name}-error`);
	const content = (field) => field.type === "checkbox" ? field.checked : field.value;
	for (const field of form.querySelectorAll("[aria-invalid]")) {
		told.set(field, { value: content(field), text: errorOf(field).textContent });
	}
	const verdict = (field) => {
		const server = told.get(field);
		return server && server.value === content(field) ? server.text : faultOf(field);
	};

	const announcer = document.createElement("p");
	announcer.className = "unseen";
	announcer.setAttribute("role", "status");
	form.append(announcer);
	const show = (field, text) => {
		let error = errorOf(field);
		if ((error?.textContent ?? "") === text) {
			return;
		}
		const id = `${field.name}-error`;
		const others = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((other) => other && other !== id);
		error?.remove();
		field.closest(".field").classList.toggle("wrong", text !== "");
		field.toggleAttribute("aria-invalid", false);
		if (text !== "") {
			error = document.createElement("p");
			error.className = "error";
			error.id = id;
			error.textContent = text;
			(field.closest(".check, .select") ?? field).before(error);
			field.setAttribute("aria-invalid", "true");
			others.push(id);
		}
		field.toggleAttribute("aria-describedby", false);
		if (others.length > 0) {
			field.setAttribute("aria-describedby", others.join(" "));
		}
		announcer.textContent = text;
	};

	const changed = new Set();
	const isField = (element) => element.matches("input:not([type=hidden]), select, textarea") && !element.closest(".trap, .captcha");
	form.addEventListener("input", ({ target }) => {
		if (!isField(target)) {
			return;
		}
		changed.add(target);
		// While somebody types, an error goes, and none comes.
		if (verdict(target) === "") {
			show(target, "");
		}
	});

	// An error moves what stands below it: not while the mouse is pressed there.
	let pressed = false;
	let left = [];
	const check = () => {
		for (const field of left) {
			show(field, verdict(field));
		}
		left = [];
	};
	addEventListener("pointerdown", () => { pressed = true; }, true);
	for (const end of ["pointerup", "pointercancel"]) {
		addEventListener(end, () => {
			pressed = false;
			setTimeout(check);
		}, true);
	}
	form.addEventListener("focusout", ({ target, relatedTarget }) => {
		// Another window takes the focus and gives it back.
		if (!isField(target) || !document.hasFocus()) {
			return;
		}
		// An empty field was left out if it was changed, or if a later one follows.
		const later = relatedTarget && isField(relatedTarget) && target.compareDocumentPosition(relatedTarget) & Node.DOCUMENT_POSITION_FOLLOWING;
		if (faultOf(target) === target.dataset.required && !changed.has(target) && !later) {
			return;
		}
		left.push(target);
		if (!pressed) {
			check();
		}
	});
})();
