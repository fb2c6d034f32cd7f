"""Signs a notice with the Python package of Standard Webhooks and posts it, then posts it again
with one byte more under the same signature. The body comes from standard input; the answers go to
standard output as JSON.

    standard_webhooks.py URL CA_FILE KEY_FILE ID
"""

import json
import ssl
import sys
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

from standardwebhooks.webhooks import Webhook

url, ca_file, key_file, message_id = sys.argv[1:]
body = sys.stdin.read()
sent_at = datetime.now(tz=timezone.utc)
signature = Webhook(Path(key_file).read_text().strip()).sign(message_id, sent_at, body)
headers = {
    "content-type": "application/json",
    "webhook-id": message_id,
    "webhook-timestamp": str(int(sent_at.timestamp())),
    "webhook-signature": signature,
}
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
)


def post(data: bytes) -> dict:
    request = urllib.request.Request(url, data=data, headers=headers, method="POST")
    try:
        answer = opener.open(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    return {"status": answer.status, "body": json.load(answer)}


print(json.dumps({"signed": post(body.encode()), "tampered": post(body.encode() + b" ")}))
