"""Sends an event in the structured and another one in the binary form of CloudEvents, as the
Python SDK writes them. The data comes from standard input; the answers go to standard output as
JSON.

    cloud_events.py URL CA_FILE TOKEN_FILE
"""

import json
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

url, ca_file, token_file = sys.argv[1:]
data = json.load(sys.stdin)
token = Path(token_file).read_text().strip()
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
)


def post(message) -> dict:
    headers = {**message.headers, "authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, data=message.body, headers=headers, method="POST")
    try:
        answer = opener.open(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    return {"status": answer.status, "body": json.load(answer)}


def event(event_id: str) -> CloudEvent:
    attributes = {"id": event_id, "source": "urn:example:a vault", "type": "kv-v2/data-write"}
    return CloudEvent(attributes={**attributes, "datacontenttype": "application/json"}, data=data)


structured = post(to_structured_event(event("structured")))
binary = post(to_binary_event(event("binary")))
again = post(to_binary_event(event("structured")))
print(json.dumps({"structured": structured, "binary": binary, "again": again}))
