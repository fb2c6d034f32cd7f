"""Builds notifications from a WSDL with zeep and posts them, as a SOAP client of another make.

Arguments: the WSDL's file, the receiver's URL, its root certificate, and a JSON object with the
records, each a list of an id and its fields. With two more, the client's certificate and its key.
Prints the status and, where there is one, what zeep reads the acknowledgement as.
"""

import json
import sys

import requests
from zeep import Client, Settings
from zeep.exceptions import Fault, TransportError
from zeep.transports import Transport

PORT = "{http://soap.sforce.com/2005/09/outbound}NotificationBinding"


def main(wsdl, url, root, records, *identity):
    session = requests.Session()
    session.trust_env = False
    session.verify = root
    if identity:
        session.cert = tuple(identity)
    transport = Transport(session=session, timeout=30, operation_timeout=30)
    client = Client(wsdl, transport=transport, settings=Settings(strict=True))
    notifications = [
        {"Id": notification, "sObject": fields} for notification, fields in json.loads(records)
    ]
    try:
        ack = client.create_service(PORT, url).notifications(
            OrganizationId="00D5e000001AbCdEAK",
            ActionId="04k5e000000Gm1XAAS",
            SessionId=None,
            EnterpriseUrl="https://acme.my.salesforce.com/services/Soap/c/64.0/00D5e000001AbCd",
            PartnerUrl="https://acme.my.salesforce.com/services/Soap/u/64.0/00D5e000001AbCd",
            Notification=notifications,
        )
    except TransportError as refused:
        print(f"status {refused.status_code}")
    except Fault as fault:
        print(f"fault {fault.code}: {fault.message}")
    else:
        print(f"ack {ack}")


main(*sys.argv[1:])
