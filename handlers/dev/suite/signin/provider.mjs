// Starts a certified OpenID provider with the paths and the claims of Microsoft Entra. Its
// configuration comes as JSON on the first line of standard input. It writes its address to
// standard output, and ends with its input.

import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const installed = createRequire(path.join(process.env.SIGNINTEST_MODULES, "package.json"));
const { default: Provider } = await import(pathToFileURL(installed.resolve("oidc-provider")));

const input = readline.createInterface({ input: process.stdin });
input.on("close", () => process.exit(0));
const line = await new Promise((resolve) => input.once("line", resolve));
const { tenant, client, redirects, signedOut, key, scope, people } = JSON.parse(line);

const server = http.createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(`${address}/${tenant}/v2.0`, {
	clients: [{
		client_id: client, redirect_uris: redirects, post_logout_redirect_uris: [signedOut],
		token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [key] },
		response_types: ["code"], grant_types: ["authorization_code"],
	}],
	pkce: { required: () => true },
	scopes: ["openid", "profile", scope],
	claims: { openid: ["sub", "oid", "tid", "acct", "roles"], profile: ["name", "preferred_username"] },
	conformIdTokenClaims: false, // as Entra: claims are in the ID token
	findAccount: (_, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
	cookies: { keys: ["of a test"] },
	routes: {
		authorization: `/${tenant}/oauth2/v2.0/authorize`, token: `/${tenant}/oauth2/v2.0/token`,
		jwks: `/${tenant}/discovery/v2.0/keys`, end_session: `/${tenant}/oauth2/v2.0/logout`, userinfo: "/oidc/userinfo",
	},
});
server.on("request", provider.callback());
console.log(address);
