// Portal with Express: a user signs in with a push. Start it with `node examples/express-portal.ts` (Node 22.18).
//
// `POST /sign-in` with `user_id` starts an authentication, and `GET /sign-in` returns its state. Both belong to the
// cookie of the browser. Countersign calls `/countersign/callback`.

import { CallbackHandler, CallbackVerifier, Client, CountersignError, nodeCallback } from "@countersign/portal";
import type { TransactionResult } from "@countersign/portal";
import express from "express";

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is required`);
  return value;
}

const port = Number(process.env.PORT ?? "8001");
const callbackUri = `http://127.0.0.1:${port}/countersign/callback`;
interface Visit {
  userId: string;
  transactionId: string;
}
// A portal with several processes stores both in its database.
const visits = new Map<string, Visit>();
const results = new Map<string, TransactionResult>();

const portal = new Client({
  baseUrl: setting("COUNTERSIGN_URL"),
  clientId: setting("COUNTERSIGN_CLIENT_ID"),
  clientSecret: setting("COUNTERSIGN_CLIENT_SECRET"),
});
const verifier = new CallbackVerifier({
  signingSecrets: setting("COUNTERSIGN_SIGNING_SECRETS").split(" "),
  credentials: {
    username: setting("COUNTERSIGN_CALLBACK_USERNAME"),
    password: setting("COUNTERSIGN_CALLBACK_PASSWORD"),
  },
});
const callbacks = new CallbackHandler(portal, verifier, (result) => results.set(result.transactionId, result));

const app = express();
// Before any parser of bodies: the signature is over the bytes of the body.
app.use("/countersign/callback", nodeCallback(callbacks));

app.post("/sign-in", express.urlencoded(), async (request, response) => {
  const { user_id: userId } = request.body as Record<string, unknown>;
  if (typeof userId !== "string" || !userId) {
    response.status(400).json({ status: "user_id is missing" });
    return;
  }
  try {
    // The device that the user used last.
    const [device] = (await portal.devices(userId)).sort((first, second) => second.lastLogin - first.lastLogin);
    const { transactionId } = await portal.startPush({
      type: "login",
      userId,
      deviceId: device?.id,
      callbackUri,
      secureMessage: "Sign in to the shop?",
      ipAddress: request.socket.remoteAddress,
      userAgent: request.get("user-agent"),
    });
    const visit = crypto.randomUUID();
    visits.set(visit, { userId, transactionId });
    // With HTTPS, also: secure.
    response.cookie("visit", visit, { httpOnly: true, sameSite: "lax" }).status(202).json({ status: "pending" });
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    response.status(503).json({ status: "not available" });
  }
});

app.get("/sign-in", (request, response) => {
  const [, id] = /(?:^|; )visit=([\w-]+)/.exec(request.get("cookie") ?? "") ?? [];
  response.json(stateOf(visits.get(id ?? "")));
});

function stateOf(visit: Visit | undefined): Record<string, string> {
  const result = visit && results.get(visit.transactionId);
  if (!result) return { status: "pending" };
  // The visit decides who signs in: the result must be of the user that this browser named.
  if (result.isAuthenticated && result.userId === visit.userId) return { status: "signed in", user_id: result.userId };
  return { status: result.status };
}

app.listen(port, "127.0.0.1");
