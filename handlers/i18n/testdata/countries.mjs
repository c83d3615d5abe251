// Prints the names of countries by language, in the order in which readers look for them, as ICU has
// them: JSON with its version of CLDR. Arguments: the tags of languages, then "--", then codes.
const split = process.argv.indexOf("--");
const languages = process.argv.slice(2, split);
const codes = process.argv.slice(split + 1);
const countries = {};
for (const language of languages) {
	const names = new Intl.DisplayNames([language], { type: "region", fallback: "none" });
	const order = new Intl.Collator(language);
	countries[language] = codes
		.map((code) => ({ code, name: names.of(code) }))
		.sort((a, b) => order.compare(a.name, b.name));
}
console.log(JSON.stringify({ cldr: process.versions.cldr, countries }));
