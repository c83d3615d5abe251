// Reports each test as one line of JSON, for the Go test that started it.

export default async function* reporter(events) {
	for await (const { type, data } of events) {
		if (type !== "test:pass" && type !== "test:fail") {
			continue;
		}
		const error = data.details.error;
		yield JSON.stringify({
			name: data.name,
			passed: type === "test:pass" && data.skip === undefined && data.todo === undefined,
			seconds: data.details.duration_ms / 1000,
			error: error ? String((error.cause && error.cause.stack) || error.stack || error) : "",
		}) + "\n";
	}
}
