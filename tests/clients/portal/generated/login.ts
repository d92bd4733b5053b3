// A login by push and one by SMS with the client that openapi-fetch makes of the generated types.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { env: Record<string, string> };
type Result = components["schemas"]["TransactionResult"];

const { server, phones, authorization } = process.env as Record<"server" | "phones" | "authorization", string>;
const form = "application/x-www-form-urlencoded";
const client = createClient<paths>({
  baseUrl: server,
  headers: { Authorization: authorization, "Content-Type": form },
});
const user_id = "generated/typescript";

async function phone<T>(operation: string, body: object): Promise<T> {
  const response = await fetch(`${phones}/${operation}`, { method: "POST", body: JSON.stringify(body) });
  return (await response.json()) as T;
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) {
    throw new Error(`${String(actual)} instead of ${String(expected)}`);
  }
}

async function result(transaction_id: string): Promise<Result> {
  const path = "/oauth/api/v4/authenticate/transaction/{transaction_id}";
  const { data, error } = await client.GET(path, { params: { path: { transaction_id } } });
  if (!data) {
    throw new Error(error.error_description);
  }
  return data;
}

async function logInByPush(): Promise<void> {
  const device_id = await phone<string>("enroll", { user_id });
  const { data, error, response } = await client.POST("/oauth/api/v4/authenticate/user", {
    params: { header: { "Idempotency-Key": "generated-typescript" } },
    body: { type: "login", user_id, device_id, callback_uri: "http://127.0.0.1:9/callback" },
  });
  if (!data) {
    throw new Error(`${response.status} ${error.error_code ?? error.error}`);
  }
  equal(data.auth_method satisfies components["schemas"]["AuthenticationMethod"], "push");
  equal(data.device?.platform, "android");
  equal((await result(data.transaction_id)).status, "pending");
  await phone("approve", { device_id, transaction_id: data.transaction_id });
  const ended = await result(data.transaction_id);
  equal(ended.is_authenticated, true);
  equal(ended.authentication_method, "push");
}

async function logInBySms(phone_number: string): Promise<void> {
  const { data } = await client.POST("/oauth/api/v4/authenticate/user", {
    body: { type: "login-sms", user_id, phone_number },
  });
  if (!data) {
    throw new Error("the SMS was not sent");
  }
  const sms_code = await phone<string>("sms_code", { phone_number });
  const verify = (code: string) =>
    client.POST("/oauth/api/v4/authenticate/user/{user_id}/sms", {
      params: { path: { user_id } },
      body: { transaction_id: data.transaction_id, sms_code: code },
      });
  const wrong = await verify("000000" === sms_code ? "111111" : "000000");
  equal(wrong.error?.error_code, "3003");
  equal(wrong.response.status, 404);
  equal((await verify(sms_code)).data?.transaction_id, data.transaction_id);
  equal((await result(data.transaction_id)).status, "authenticated");
}

await logInByPush();
await logInBySms(process.env.phoneNumber ?? "");
console.log("logged in twice");
