// Another server of OpenID CIBA, in poll and ping mode: oidc-provider with the clients and users of the comparison.
// Arguments: the port, and the clients and users as JSON. `POST /device` plays the device of a user.
import { createServer } from "node:http";
import Provider, { errors } from "oidc-provider";

const [port, clients, users] = [Number(process.argv[2]), ...process.argv.slice(3).map(JSON.parse)];
const issuer = `http://127.0.0.1:${port}`;
const pings = [];

const ciba = {
  enabled: true,
  deliveryModes: ["poll", "ping"],
  processLoginHint: (_context, hint) => (users.includes(hint) ? hint : undefined),
  processLoginHintToken: () => undefined,
  triggerAuthenticationDevice: () => undefined,
  validateBindingMessage(_context, message) {
    if (message && (message.length > 1000 || /[\u0000-\u001f]/u.test(message))) {
      throw new errors.InvalidBindingMessage("the binding_message is too long, or has control characters");
    }
  },
  validateRequestContext: () => undefined,
  verifyUserCode: () => undefined,
};

const provider = new Provider(issuer, {
  clients,
  features: {
    ciba: { ...ciba },
    devInteractions: { enabled: false },
    requestObjects: { enabled: true },
  },
  enabledJWA: { requestObjectSigningAlgValues: ["ES256", "PS256", "RS256"] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  acrValues: ["login"],
  clientAuthMethods: ["client_secret_basic", "client_secret_post"],
  fetch: (url, options) => {
    pings.push({ url: String(url), headers: Object.fromEntries(new Headers(options.headers)), body: options.body });
    return new Response(null, { status: 204 });
  },
});

async function answer({ authReqId, userId, approve }) {
  if (!approve) {
    return provider.backchannelResult(authReqId, new errors.AccessDenied());
  }
  const { clientId } = await provider.BackchannelAuthenticationRequest.find(authReqId);
  const grant = new provider.Grant({ clientId, accountId: userId });
  grant.addOIDCScope("openid");
  return provider.backchannelResult(authReqId, await grant.save(), { acr: "login", authTime: Date.now() / 1000 | 0 });
}

const handle = provider.callback();
createServer(async (request, response) => {
  if (request.url === "/pings") {
    return response.setHeader("Content-Type", "application/json").end(JSON.stringify(pings));
  }
  if (request.url !== "/device") {
    return handle(request, response);
  }
  let body = "";
  for await (const chunk of request) {
    body += chunk;
  }
  await answer(JSON.parse(body));
  return response.end();
}).listen(port, "127.0.0.1", () => console.log("ready"));
