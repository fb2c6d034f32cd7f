// Signs a notice with the JavaScript package of Standard Webhooks and posts it, then posts it again
// with one byte more under the same signature. The body comes from standard input; the answers go
// to standard output as JSON. TOOLS_NODE names the folder in which the package is installed.
//
//     standard_webhooks.mjs URL CA_FILE KEY_FILE ID

import { readFileSync } from "node:fs";
import { request } from "node:https";
import { createRequire } from "node:module";
import { join } from "node:path";

const { Webhook } = createRequire(join(process.env.TOOLS_NODE, "package.json"))("standardwebhooks");

const [url, caFile, keyFile, id] = process.argv.slice(2);
const body = readFileSync(0, "utf8");
const sentAt = new Date();
const signature = new Webhook(readFileSync(keyFile, "utf8").trim()).sign(id, sentAt, body);
const headers = {
  "content-type": "application/json",
  "webhook-id": id,
  "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
  "webhook-signature": signature,
};

const post = (data) =>
  new Promise((resolve, reject) => {
    const options = { method: "POST", headers, ca: readFileSync(caFile), timeout: 30_000 };
    const sending = request(url, options, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, body: JSON.parse(text) }));
    });
    sending.on("error", reject);
    sending.on("timeout", () => sending.destroy(new Error("no answer in time")));
    sending.end(data);
  });

console.log(JSON.stringify({ signed: await post(body), tampered: await post(`${body} `) }));
