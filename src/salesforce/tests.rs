//! Every code, and every shape that an answer can have.

use std::sync::LazyLock;
use std::time::Duration;

use crate::domain::ids::{OrganizationId, Username};
use crate::domain::proof::{LoginUrl, ProofOutcome, ProofVerdict};
use crate::domain::secret::{SalesforceSecret, SecretText};
use crate::salesforce::envelope::Envelope;
use crate::salesforce::http::{Answer, Http};
use crate::salesforce::said::Censor;
use crate::salesforce::{Attempt, Timeouts, oauth, soap};

const PASSWORD: &str = "pa<ss>&\"wörd";
const TOKEN: &str = "Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2";
const ORGANIZATION: &str = "00D5e000001AbCdEAK";

fn login() -> Attempt {
    // Building a client reads the machine's certificates, so one is enough for all.
    static HTTP: LazyLock<Http> = LazyLock::new(|| {
        let patience = Duration::from_secs(1);
        Http::new(Timeouts { connect: patience, request: patience }).unwrap()
    });
    Attempt {
        http: HTTP.clone(),
        login_url: LoginUrl::parse("https://login.salesforce.com").unwrap(),
        client: None,
        username: Username::parse("gator.sync@example.com").unwrap(),
        organization: OrganizationId::parse(ORGANIZATION).unwrap(),
    }
}

fn secret() -> SalesforceSecret {
    SalesforceSecret {
        password: SecretText::new(PASSWORD.to_owned()),
        security_token: Some(SecretText::new(TOKEN.to_owned())),
    }
}

fn censor() -> Censor {
    Censor::of(&secret())
}

fn soap(status: u16, body: &str) -> ProofOutcome {
    soap::read(&login(), &censor(), &Answer::of(status, body)).0
}

fn oauth(status: u16, body: &str) -> ProofOutcome {
    oauth::read(&login(), &censor(), &Answer::of(status, body)).0
}

fn fault(code: &str, words: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body><soapenv:Fault>
  <faultcode>sf:{code}</faultcode>
  <faultstring>{code}: {words}</faultstring>
  <detail><sf:LoginFault xsi:type="sf:LoginFault">
   <sf:exceptionCode>{code}</sf:exceptionCode>
   <sf:exceptionMessage>{words}</sf:exceptionMessage>
  </sf:LoginFault></detail>
 </soapenv:Fault></soapenv:Body>
</soapenv:Envelope>"#
    )
}

fn success(expired: &str, organization: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body><loginResponse><result>
  <passwordExpired>{expired}</passwordExpired>
  <serverUrl>https://acme.my.salesforce.com/services/Soap/u/64.0/{organization}</serverUrl>
  <sessionId>00D&amp;!SESSION</sessionId>
  <userId>0055e000002KjHgAAK</userId>
  <userInfo><organizationId>{organization}</organizationId><roleId xsi:nil="true"/></userInfo>
 </result></loginResponse></soapenv:Body>
</soapenv:Envelope>"#
    )
}

#[test]
fn each_exception_code_has_its_meaning() {
    let words = "Words of Salesforce's.";
    let said = |code: &str| format!("{code}: {words}");
    let is = |code: &str, expected: ProofOutcome| {
        assert_eq!(soap(500, &fault(code, words)), expected, "{code}");
    };
    for code in ["INVALID_LOGIN", "LOGIN_MUST_USE_SECURITY_TOKEN"] {
        is(code, ProofOutcome::Rejected { said: said(code) });
    }
    is("PASSWORD_LOCKOUT", ProofOutcome::Locked { said: said("PASSWORD_LOCKOUT") });
    is("LOGIN_RATE_EXCEEDED", ProofOutcome::RateLimited { said: said("LOGIN_RATE_EXCEEDED") });
    is("INVALID_OPERATION_WITH_EXPIRED_PASSWORD", ProofOutcome::PasswordExpired);
    for code in [
        "INVALID_OPERATION",
        "UNSUPPORTED_API_VERSION",
        "UNSUPPORTED_CLIENT",
        "INSUFFICIENT_ACCESS",
        "API_CURRENTLY_DISABLED",
        "API_DISABLED_FOR_ORG",
        "FUNCTIONALITY_NOT_ENABLED",
    ] {
        is(code, ProofOutcome::MethodOff { said: said(code) });
    }
    for code in [
        "LOGIN_DURING_RESTRICTED_DOMAIN",
        "LOGIN_DURING_RESTRICTED_TIME",
        "LOGIN_CHALLENGE_ISSUED",
        "LOGIN_CHALLENGE_PENDING",
        "ORG_LOCKED",
        "TRIAL_EXPIRED",
        "SOMETHING_NEW_2031",
    ] {
        is(code, ProofOutcome::Barred { said: said(code) });
    }
    for code in ["SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "REQUEST_RUNNING_TOO_LONG"] {
        is(code, ProofOutcome::NoAnswer { why: said(code) });
    }
}

#[test]
fn a_method_that_is_off_or_a_place_that_is_barred_is_not_held_against_the_secret() {
    let verdict = |code: &str| soap(500, &fault(code, "")).verdict();
    assert_eq!(verdict("INVALID_LOGIN"), ProofVerdict::Refused);
    assert_eq!(verdict("PASSWORD_LOCKOUT"), ProofVerdict::Refused);
    assert_eq!(verdict("INVALID_OPERATION"), ProofVerdict::Halted);
    assert_eq!(verdict("LOGIN_DURING_RESTRICTED_DOMAIN"), ProofVerdict::Halted);
    assert_eq!(verdict("LOGIN_RATE_EXCEEDED"), ProofVerdict::Later);
    assert_eq!(verdict("SERVER_UNAVAILABLE"), ProofVerdict::Unknown);
}

#[test]
fn a_soap_success_counts_in_the_right_organization_with_a_password_that_is_valid() {
    assert_eq!(soap(200, &success("false", ORGANIZATION)), ProofOutcome::Proven);
    assert_eq!(soap(200, &success("false", "00D5e000001AbCd")), ProofOutcome::Proven, "15 letters");
    assert_eq!(soap(200, &success("true", ORGANIZATION)), ProofOutcome::PasswordExpired);
    assert_eq!(soap(200, &success("1", ORGANIZATION)), ProofOutcome::PasswordExpired);
    for other in ["00D5e000001AbCeEAK", "00D5e000001abCd"] {
        let found = OrganizationId::parse(other).unwrap();
        let wrong = ProofOutcome::WrongOrganization { found };
        assert_eq!(soap(200, &success("false", other)), wrong);
    }
    let is_unknown = |body: &str| soap(200, body).verdict() == ProofVerdict::Unknown;
    assert!(is_unknown(&success("perhaps", ORGANIZATION)));
    assert!(is_unknown(&success("false", "")));
    let without = |tag: &str| {
        let body = success("false", ORGANIZATION);
        body.replace(&format!("<{tag}>"), "<other>").replace(&format!("</{tag}>"), "</other>")
    };
    for tag in ["passwordExpired", "sessionId", "userInfo", "organizationId", "result"] {
        assert!(is_unknown(&without(tag)), "without {tag}");
    }
    let doubled = success("false", ORGANIZATION)
        .replace("<serverUrl>", "<passwordExpired>true</passwordExpired><serverUrl>");
    assert!(is_unknown(&doubled), "two answers are none");
}

#[test]
fn a_fault_is_one_whatever_the_status_and_the_prefixes() {
    let rejected = |body: &str, status| {
        assert_eq!(soap(status, body).verdict(), ProofVerdict::Refused, "{status}: {body}");
    };
    let body = fault("INVALID_LOGIN", "No.");
    for status in [200, 400, 401, 500, 503] {
        rejected(&body, status);
    }
    rejected(&body.replace("soapenv", "S").replace("sf:", "fns:"), 500);
    rejected(&body.replace(">INVALID_LOGIN<", "><![CDATA[INVALID_LOGIN]]><"), 500);
    rejected(&body.replace("<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>", ""), 500);
}

#[test]
fn an_answer_that_cannot_be_read_says_nothing() {
    let unknown = |status, body: &str| {
        assert_eq!(soap(status, body).verdict(), ProofVerdict::Unknown, "{status}: {body}");
        assert_eq!(oauth(status, body).verdict(), ProofVerdict::Unknown, "{status}: {body}");
    };
    let whole = success("false", ORGANIZATION);
    for status in [200, 400, 500, 502, 503] {
        for body in ["", "<html>busy</html>", "<a", "\u{0}", "null", "[]", "{}", "{\"error\":\"\"}"]
        {
            unknown(status, body);
        }
        unknown(status, &whole[..whole.len() - 10]);
        unknown(status, &format!("{whole}<again/>"));
        unknown(status, &whole.replace("SESSION", "&session;"));
        let doctype = "<!DOCTYPE a [<!ENTITY session \"x\">]>";
        unknown(status, &whole.replace("?>\n", &format!("?>{doctype}\n")));
        let nested = format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000));
        unknown(status, &whole.replace("<userId>", &format!("{nested}<userId>")));
    }
}

#[test]
fn a_host_without_the_method_is_a_fault_of_the_configuration() {
    for status in [301, 302, 307, 308, 404, 405, 410] {
        assert_eq!(soap(status, "").verdict(), ProofVerdict::Halted, "{status}");
        assert_eq!(oauth(status, "<html>").verdict(), ProofVerdict::Halted, "{status}");
    }
    assert_eq!(soap(429, "").verdict(), ProofVerdict::Later);
    assert_eq!(oauth(429, "").verdict(), ProofVerdict::Later);
}

#[test]
fn each_oauth_error_has_its_meaning() {
    let verdict = |error: &str, description: &str| {
        let body =
            serde_json::json!({"error": error, "error_description": description}).to_string();
        oauth(400, &body)
    };
    let refused = verdict("invalid_grant", "authentication failure");
    assert!(matches!(refused, ProofOutcome::Rejected { .. }), "{refused}");
    let told = refused.to_string();
    for words in [
        "invalid_grant: authentication failure",
        "wrong secret",
        "locked out",
        "switched off",
        "policy",
        "newer version",
        "retry",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let expired = verdict("invalid_grant", "password expired");
    assert_eq!(expired, ProofOutcome::PasswordExpired);
    let locked = verdict("invalid_grant", "user is locked out");
    assert!(matches!(locked, ProofOutcome::Locked { .. }), "{locked}");
    let told = locked.to_string();
    assert!(told.contains("unlock the user in Salesforce, then retry; or write a newer"), "{told}");
    for words in ["app blocked by administrator", "The application is blocked."] {
        let blocked = verdict("invalid_grant", words);
        assert!(matches!(blocked, ProofOutcome::MethodOff { .. }), "{blocked}");
    }
    for (error, description, expected) in [
        ("invalid_grant", "", ProofVerdict::Refused),
        ("invalid_grant", "Login Rate Exceeded", ProofVerdict::Later),
        ("rate_limit_exceeded", "", ProofVerdict::Later),
        ("invalid_grant", "invalid grant type", ProofVerdict::Halted),
        ("invalid_grant", "user hasn't approved this consumer", ProofVerdict::Halted),
        ("invalid_grant", "IP restricted", ProofVerdict::Halted),
        ("invalid_grant", "ip restricted or invalid login hours", ProofVerdict::Halted),
        ("invalid_grant", "inactive user", ProofVerdict::Halted),
        ("invalid_grant", "challenge required", ProofVerdict::Halted),
        ("invalid_client_id", "client identifier invalid", ProofVerdict::Halted),
        ("invalid_client", "invalid client credentials", ProofVerdict::Halted),
        ("unsupported_grant_type", "grant type not supported", ProofVerdict::Halted),
        ("OAUTH_APP_BLOCKED", "this app is blocked by admin", ProofVerdict::Halted),
        ("inactive_org", "organization is inactive", ProofVerdict::Halted),
        ("something_new", "", ProofVerdict::Halted),
        ("server_error", "", ProofVerdict::Unknown),
        ("unknown_error", "retry your request", ProofVerdict::Unknown),
    ] {
        assert_eq!(verdict(error, description).verdict(), expected, "{error}: {description}");
    }
}

#[test]
fn an_oauth_token_counts_in_the_right_organization() {
    let granted = |id: &str| {
        let body = serde_json::json!({
            "access_token": "MADE-UP", "instance_url": "https://acme.my.salesforce.com", "id": id,
            "token_type": "Bearer", "issued_at": "1772442904123", "signature": "x",
        });
        oauth::read(&login(), &censor(), &Answer::of(200, &body.to_string()))
    };
    let user = "0055e000002KjHgAAK";
    let (outcome, token) =
        granted(&format!("https://login.salesforce.com/id/{ORGANIZATION}/{user}"));
    assert_eq!(outcome, ProofOutcome::Proven);
    assert_eq!(token.unwrap().expose(), "MADE-UP");
    let (outcome, token) =
        granted(&format!("https://login.salesforce.com/id/00D000000000001/{user}"));
    assert!(matches!(outcome, ProofOutcome::WrongOrganization { .. }), "{outcome}");
    assert!(token.is_some(), "what was granted is taken back all the same");
    assert_eq!(granted("nothing").0.verdict(), ProofVerdict::Unknown);
}

#[test]
fn what_salesforce_says_is_kept_short_and_without_the_secret() {
    let words = format!(
        "bad &lt;{TOKEN}&gt;\n for {}",
        PASSWORD.replace('&', "&amp;").replace('<', "&lt;")
    );
    let ProofOutcome::Rejected { said } = soap(500, &fault("INVALID_LOGIN", &words)) else {
        panic!("not a refusal")
    };
    assert_eq!(said, "INVALID_LOGIN: bad <[secret]> for [secret]");
    let long = soap(500, &fault("INVALID_LOGIN", &format!("{TOKEN} {}", "ä".repeat(1_000))));
    let long = long.to_string();
    assert!(long.chars().count() < 300 && !long.contains(TOKEN), "{long}");
    let error = serde_json::json!({"error": "invalid_grant", "error_description": PASSWORD});
    let said = oauth(400, &error.to_string()).to_string();
    assert!(said.contains("invalid_grant: [secret], which"), "{said}");
}

#[test]
fn a_secret_that_is_a_part_of_another_leaves_nothing_of_it() {
    let of = |password: &str, token: &str| {
        Censor::of(&SalesforceSecret {
            password: SecretText::new(password.to_owned()),
            security_token: Some(SecretText::new(token.to_owned())),
        })
    };
    let said = of("Zz9Y", "Zz9Yy8Xx7").said("CODE", "Zz9Yy8Xx7 and Zz9Y");
    assert_eq!(said, "CODE: [secret] and [secret]");
    let client = SecretText::new("longer-than-Zz9Y".to_owned());
    let said = of("Zz9Y", "than").and(&client).said("CODE", "longer-than-Zz9Y");
    assert_eq!(said, "CODE: [secret]");
}

#[test]
fn a_session_is_sent_to_salesforce_alone() {
    let session = |server: &str| {
        let body = success("false", ORGANIZATION)
            .replace("https://acme.my.salesforce.com/services", &format!("{server}/services"));
        soap::read(&login(), &censor(), &Answer::of(200, &body)).1.unwrap()
    };
    assert_eq!(session("https://acme.my.salesforce.com").id.expose(), "00D&!SESSION");
    for home in [
        "https://acme.my.salesforce.com",
        "https://acme.sandbox.my.salesforce.com:443",
        "https://login.salesforce.com",
    ] {
        assert!(session(home).server.is_some(), "{home}");
    }
    for elsewhere in [
        "http://acme.my.salesforce.com",
        "https://salesforce.com.example",
        "https://notsalesforce.com",
        "https://127.0.0.1",
        "not a url",
    ] {
        assert!(session(elsewhere).server.is_none(), "{elsewhere}");
    }
}

#[test]
fn a_password_is_sent_as_it_is() {
    let body = soap::login_body("o'gator@example.com", &secret());
    let envelope = Envelope::read(body.as_bytes()).unwrap();
    assert_eq!(envelope.text(&["login", "username"]), Some("o'gator@example.com"));
    let sent = format!("{PASSWORD}{TOKEN}");
    assert_eq!(envelope.text(&["login", "password"]), Some(sent.as_str()));
    let alone = SalesforceSecret { security_token: None, ..secret() };
    let body = soap::login_body("gator@example.com", &alone);
    let envelope = Envelope::read(body.as_bytes()).unwrap();
    assert_eq!(envelope.text(&["login", "password"]), Some(PASSWORD));
}
