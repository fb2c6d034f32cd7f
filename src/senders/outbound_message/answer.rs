//! What Salesforce is answered, as the WSDL of outbound messages has it.

/// What an answer's content type is.
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// Taken: every notification is written down.
pub const ACK: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?>"#,
    "\n",
    r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">"#,
    "<soapenv:Body>",
    r#"<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound">"#,
    "<Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>\n",
);

/// Not taken: send it again.
pub const NACK: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?>"#,
    "\n",
    r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">"#,
    "<soapenv:Body>",
    r#"<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound">"#,
    "<Ack>false</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>\n",
);

/// A fault of the sender, with its reason.
pub fn fault(reason: &str) -> String {
    let reason = quick_xml::escape::escape(reason);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <soapenv:Body><soapenv:Fault><faultcode>soapenv:Client</faultcode>\
         <faultstring>{reason}</faultstring><detail/></soapenv:Fault></soapenv:Body>\
         </soapenv:Envelope>\n"
    )
}
