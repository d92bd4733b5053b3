// Logins with unmodified clients at the server of the environment variable SITE. Prints the outcome of each as JSON.
import { createRequire } from "node:module";
import * as openid from "openid-client";

const { AsyncAuthorizerBase, getAsyncAuthorizationCredentials } = createRequire(import.meta.url)("@auth0/ai/AsyncAuthorization");
const { MemoryStore } = createRequire(import.meta.url)("@auth0/ai/stores");
const site = JSON.parse(process.env.SITE);

async function phone(action, values) {
  const response = await fetch(`${site.phones}/${action}`, { method: "POST", body: JSON.stringify(values) });
  return response.json();
}

/** Log in with openid-client. `answer` is what the user does on the device. */
async function login(userId, authentication, answer, parameters = {}) {
  const deviceId = await phone("enroll", { user_id: userId });
  const configuration = await openid.discovery(new URL(site.issuer), authentication.clientId, undefined, authentication.method);
  // The client verifies the signature of the ID token with the key set of the server.
  openid.enableNonRepudiationChecks(configuration);
  const started = await openid.initiateBackchannelAuthentication(configuration, {
    scope: "openid",
    login_hint: userId,
    binding_message: "Sign in to the shop?",
    ...parameters,
  });
  if (answer) await phone(answer, { device_id: deviceId });
  const tokens = await openid.pollBackchannelAuthenticationGrant(configuration, started);
  const claims = tokens.claims();
  const userinfo = await openid.fetchUserInfo(configuration, tokens.access_token, claims.sub);
  return { claims, userinfo, expiresIn: started.expires_in };
}

/** Run a tool of @auth0/ai that needs the approval of the user. */
async function tool(userId, answer, parameters = {}) {
  const deviceId = await phone("enroll", { user_id: userId });
  const { clientId, clientSecret, domain } = site;
  const authorizer = new AsyncAuthorizerBase({ domain, clientId, clientSecret }, {
    userID: userId,
    bindingMessage: async () => "Buy 3 shares?",
    scopes: ["stock:trade"],
    store: new MemoryStore(),
    onAuthorizationRequest: async (_request, credentials) => {
      await phone(answer, { device_id: deviceId });
      await credentials;
    },
    ...parameters,
  });
  const context = () => ({ threadID: userId, toolCallID: "1", toolName: "buy" });
  const run = authorizer.protect(context, async (shares) => ({ shares, ...getAsyncAuthorizationCredentials() }));
  const result = await run(3);
  return result instanceof Error ? { interrupt: result.code } : result;
}

const basic = { clientId: site.clientId, method: openid.ClientSecretBasic(site.clientSecret) };
const post = { clientId: site.clientId, method: openid.ClientSecretPost(site.clientSecret) };
const key = await crypto.subtle.importKey("jwk", site.key, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
const signed = { clientId: site.signingClientId, method: openid.PrivateKeyJwt({ key, kid: site.key.kid }) };
const details = [{ type: "transfer", payee: "Bob", amount: "20.00" }];
const logins = {
  basic: () => login("openid/basic", basic, "approve_next"),
  post: () => login("openid/post", post, "approve_next", { acr_values: `unknown ${site.type}` }),
  "private key": () => login("openid/key", signed, "approve_next"),
  details: () => login("openid/details", basic, "approve_next", { authorization_details: JSON.stringify(details) }),
  denied: () => login("openid/denied", basic, "deny_next"),
  expired: () => login("openid/expired", basic, "", { requested_expiry: "3" }),
  "tool approved": () => tool("auth0/approved", "approve_next", { authorizationDetails: details }),
  "tool denied": () => tool("auth0/denied", "deny_next"),
};

const outcomes = await Promise.all(
  Object.entries(logins).map(async ([name, run]) => {
    const outcome = await run().catch((error) => ({ error: error.error ?? error.code ?? "", message: error.message }));
    return [name, outcome];
  }),
);
console.log(JSON.stringify(Object.fromEntries(outcomes)));
