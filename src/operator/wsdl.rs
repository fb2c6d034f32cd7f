//! Describes an outbound message in WSDL 1.1, in the form that Salesforce gives it in Setup.
//!
//! Source: the outbound messaging chapter of the SOAP API Developer Guide. Only the fields that
//! the source is configured to read are described; a message may hold more.

use std::collections::BTreeMap;

use crate::domain::ids::SourceName;
use crate::domain::outbound_object::OutboundObject;

/// The description of a source's message. Names hold letters, digits, `_` and `-` alone, so that
/// nothing has to be escaped.
pub(super) fn describe(source: &SourceName, object: &OutboundObject) -> String {
    let fields = fields(object);
    let object = &object.object;
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<definitions name="OutboundMessage" targetNamespace="http://soap.sforce.com/2005/09/outbound"
    xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:tns="http://soap.sforce.com/2005/09/outbound" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
    xmlns:ent="urn:enterprise.soap.sforce.com" xmlns:ens="urn:sobject.enterprise.soap.sforce.com">
  <types>
    <schema elementFormDefault="qualified" xmlns="http://www.w3.org/2001/XMLSchema"
        targetNamespace="urn:enterprise.soap.sforce.com">
      <simpleType name="ID">
        <restriction base="xsd:string">
          <length value="18"/>
          <pattern value="[a-zA-Z0-9]{{18}}"/>
        </restriction>
      </simpleType>
    </schema>
    <schema elementFormDefault="qualified" xmlns="http://www.w3.org/2001/XMLSchema"
        targetNamespace="urn:sobject.enterprise.soap.sforce.com">
      <import namespace="urn:enterprise.soap.sforce.com"/>
      <complexType name="{object}">
        <sequence>
{fields}        </sequence>
      </complexType>
    </schema>
    <schema elementFormDefault="qualified" xmlns="http://www.w3.org/2001/XMLSchema"
        targetNamespace="http://soap.sforce.com/2005/09/outbound">
      <import namespace="urn:enterprise.soap.sforce.com"/>
      <import namespace="urn:sobject.enterprise.soap.sforce.com"/>
      <element name="notifications">
        <complexType>
          <sequence>
            <element name="OrganizationId" type="ent:ID"/>
            <element name="ActionId" type="ent:ID"/>
            <element name="SessionId" type="xsd:string" nillable="true"/>
            <element name="EnterpriseUrl" type="xsd:string"/>
            <element name="PartnerUrl" type="xsd:string"/>
            <element name="Notification" maxOccurs="100" type="tns:{object}Notification"/>
          </sequence>
        </complexType>
      </element>
      <complexType name="{object}Notification">
        <sequence>
          <element name="Id" type="ent:ID"/>
          <element name="sObject" type="ens:{object}"/>
        </sequence>
      </complexType>
      <element name="notificationsResponse">
        <complexType>
          <sequence>
            <element name="Ack" type="xsd:boolean"/>
          </sequence>
        </complexType>
      </element>
    </schema>
  </types>
  <message name="notificationsRequest">
    <part element="tns:notifications" name="request"/>
  </message>
  <message name="notificationsResponse">
    <part element="tns:notificationsResponse" name="response"/>
  </message>
  <portType name="NotificationPort">
    <operation name="notifications">
      <input message="tns:notificationsRequest"/>
      <output message="tns:notificationsResponse"/>
    </operation>
  </portType>
  <binding name="NotificationBinding" type="tns:NotificationPort">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="notifications">
      <soap:operation soapAction=""/>
      <input><soap:body use="literal"/></input>
      <output><soap:body use="literal"/></output>
    </operation>
  </binding>
  <service name="NotificationService">
    <port binding="tns:NotificationBinding" name="Notification">
      <!-- At the public listener; followed by one more segment where the source has a secret. -->
      <soap:address location="/v1/outbound-messages/{source}"/>
    </port>
  </service>
</definitions>
"#
    )
}

/// The fields in the order of their names, as Salesforce has them; the record's own id is first.
fn fields(object: &OutboundObject) -> String {
    let fields = [
        (object.kind.as_ref().map(|kind| &kind.field), "xsd:string"),
        (object.username.as_ref(), "xsd:string"),
        (Some(&object.occurred_at), "xsd:dateTime"),
        (object.user_id.as_ref(), "ent:ID"),
    ];
    // Of two uses of one field the last one decides, the narrowest type.
    let mut types: BTreeMap<&str, &str> =
        fields.into_iter().filter_map(|(name, kind)| Some((name?.as_str(), kind))).collect();
    types.remove("Id");
    let own = "          <element name=\"Id\" type=\"ent:ID\"/>\n".to_owned();
    types.into_iter().fold(own, |text, (name, kind)| {
        text + "          <element name=\""
            + name
            + "\" type=\""
            + kind
            + "\" nillable=\"true\" minOccurs=\"0\"/>\n"
    })
}
