//! Documents that are made to cost more than they weigh, from strangers and from whoever found
//! the secret.

use reset_receiver::hooks::limits::Limits;
use reset_receiver::ports::meter::DeliveryOutcome;

use super::bench::{SECRET, Salesforce, in_path, message, reset_event, source};
use crate::support::beside::beside;
use crate::support::public_listener::{PublicListener, sources};

/// Somewhat less than the listener reads.
const LARGE: usize = 1_000_000;

async fn listener() -> PublicListener {
    let mut all = sources(1_000);
    all.push(source("salesforce", reset_event(), vec![in_path(&[SECRET])]));
    PublicListener::of(all, Limits::default()).await
}

/// As many repetitions of a text as fit into a document.
fn filled(text: &str) -> String {
    text.repeat(LARGE / text.len())
}

/// As many numbered texts as fit.
fn numbered(text: impl Fn(usize) -> String) -> String {
    let mut all = String::with_capacity(LARGE);
    for number in 0.. {
        let next = text(number);
        if all.len() + next.len() > LARGE {
            break;
        }
        all.push_str(&next);
    }
    all
}

/// So many numbered texts.
fn numbered_up_to(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<String>>().concat()
}

/// A good message after a document type.
fn typed(declaration: &str) -> String {
    message().replacen("?>", &format!("?>{declaration}"), 1)
}

/// Document types: declared in odd places, with entities that grow, or that are somewhere else.
fn document_types() -> Vec<(&'static str, Vec<u8>)> {
    let laughs = numbered_up_to(30, |n| {
        let before = n.saturating_sub(1);
        format!("<!ENTITY l{n} \"{}\">", format!("&l{before};").repeat(10))
    });
    let uses = |entity: &str| message().replace("PASSWORD", entity);
    let before =
        |declaration: &str, body: &str| body.replacen("?>", &format!("?>{declaration}"), 1);
    let bare = message().split_once("?>").unwrap().1.to_owned();
    let wide = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect()
    };
    let external = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>";
    let texts = vec![
        (
            "ten to the thirtieth laughs",
            before(&format!("<!DOCTYPE x [<!ENTITY ha \"ha\">{laughs}]>"), &uses("&l29;")),
        ),
        (
            "one large entity, often",
            before(
                &format!("<!DOCTYPE x [<!ENTITY a \"{}\">]>", "a".repeat(LARGE / 2)),
                &uses(&"&a;".repeat(100_000)),
            ),
        ),
        ("a file", before(external, &uses("&e;"))),
        ("a file, and never used", typed(external)),
        (
            "an address",
            before("<!DOCTYPE x [<!ENTITY e SYSTEM \"http://169.254.169.254/\">]>", &uses("&e;")),
        ),
        ("an external subset", typed("<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\">")),
        ("a public one", typed("<!DOCTYPE x PUBLIC \"-//x\" \"http://127.0.0.1:1/x.dtd\">")),
        (
            "a parameter entity",
            typed("<!DOCTYPE x [<!ENTITY % p SYSTEM \"file:///dev/zero\"> %p;]>"),
        ),
        ("an entity of itself", before("<!DOCTYPE x [<!ENTITY e \"&e;\">]>", &uses("&e;"))),
        ("without entities", typed("<!DOCTYPE soapenv:Envelope>")),
        ("in small letters", typed("<!doctype x>")),
        ("after a comment", typed("<!-- x --><!DOCTYPE x>")),
        ("first of all", format!("<!DOCTYPE x>{bare}")),
        ("before the declaration", format!("<!DOCTYPE x>{}", message())),
        ("after the root", format!("{}<!DOCTYPE x>", message())),
        ("inside", message().replace("<SessionId", "<!DOCTYPE x [<!ENTITY e \"x\">]><SessionId")),
        ("inside a field", uses("<!DOCTYPE x>PASSWORD")),
        ("never closed", typed(&format!("<!DOCTYPE x [{}", "<!ENTITY a \"a\">".repeat(50_000)))),
        ("an entity without a declaration", uses("&xxe;")),
        ("a style sheet", typed("<?xml-stylesheet href=\"http://127.0.0.1:1/\"?>")),
        ("another encoding that is claimed", message().replace("UTF-8", "UTF-7")),
        ("one more that is claimed", message().replace("UTF-8", "IBM037")),
    ];
    let mut all: Vec<(&str, Vec<u8>)> =
        texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    all.push((
        "in UTF-16, little end first",
        wide(&typed(external).replace("UTF-8", "UTF-16"), u16::to_le_bytes),
    ));
    all.push((
        "in UTF-16, big end first",
        wide(&typed(external).replace("UTF-8", "UTF-16"), u16::to_be_bytes),
    ));
    all.push(("in UTF-16 that is said to be UTF-8", wide(&typed(external), u16::to_le_bytes)));
    all.push(("in UTF-7", bare.replacen('<', "+ADw-!DOCTYPE x+AD4-<", 1).into_bytes()));
    all
}

/// Documents of nearly a mebibyte that have many of something.
fn heavy() -> Vec<(&'static str, String)> {
    let instead = |content: &str| message().replace("<SessionId xsi:nil=\"true\"/>", content);
    let attributes = numbered(|n| format!(" a{n}=''"));
    let prefixed = |count: usize, element: &str| {
        let declared = numbered_up_to(count, |n| format!(" xmlns:n{n}='urn:{n}'"));
        instead(&format!("<x{declared}>{}</x>", filled(element)))
    };
    vec![
        ("many attributes", instead(&format!("<x{attributes}/>"))),
        ("attributes that stand twice", instead(&format!("<x{}/>", filled(" a=''")))),
        ("an attribute in every element", instead(&filled("<x a='&lt;&gt;' b='&amp;'/>"))),
        ("many namespaces", instead(&format!("<x{}/>", numbered(|n| format!(" xmlns:n{n}='u'"))))),
        ("prefixes of many namespaces", prefixed(250, "<n0:x n1:a=''/>")),
        ("prefixes that nobody declared", prefixed(250, "<n0:x><zz:y/></n0:x>")),
        ("deep nesting", instead(&filled("<x>"))),
        (
            "deep nesting that is closed",
            instead(&format!("{}{}", "<x>".repeat(140_000), "</x>".repeat(140_000))),
        ),
        ("many elements", instead(&filled("<x/>"))),
        ("many ends", instead(&filled("</x>"))),
        ("many references", instead(&format!("<x>{}</x>", filled("&#65;")))),
        ("many entities of XML itself", instead(&format!("<x>{}</x>", filled("&lt;")))),
        ("one long text", instead(&format!("<x>{}</x>", filled("x")))),
        ("one long name", instead(&format!("<{}/>", filled("x")))),
        ("one long attribute", instead(&format!("<x a='{}'/>", filled("&lt;")))),
        ("many sections", instead(&format!("<x>{}</x>", filled("<![CDATA[x]]>")))),
        ("sections that do not end", instead(&filled("<![CDATA["))),
        ("many comments", instead(&filled("<!-- -->"))),
        ("comments that do not end", instead(&filled("<!--"))),
        ("many brackets", instead(&filled("<"))),
        ("quotes that do not end", instead(&format!("<x {}", filled("a='")))),
        (
            "many notifications",
            instead(&filled("<Notification><Id>04l5e0000000001AAA</Id></Notification>")),
        ),
        ("one field, often", message().replace("<sf:Kind__c>", &filled("<sf:Kind__c/>"))),
        ("session ids", instead(&filled("<SessionId/>"))),
    ]
}

/// The documents that weigh much and are messages all the same: what they have is passed over.
const MESSAGES: [&str; 8] = [
    "an attribute in every element",
    "many references",
    "many entities of XML itself",
    "one long text",
    "one long name",
    "one long attribute",
    "many sections",
    "many comments",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_document_with_a_type_or_a_foreign_entity_is_a_message() {
    let receiver = listener().await;
    let salesforce = Salesforce::showing(&receiver, None);
    beside(&receiver, async || {
        for (name, document) in document_types() {
            let answer = salesforce.post(Some(SECRET), document).await;
            assert_eq!((answer.status, answer.ack()), (400, None), "{name}: {}", answer.body);
        }
    })
    .await;
    let counted = receiver.counted();
    let mut of_salesforce = counted.iter().filter(|(source, _)| source == "salesforce");
    assert!(of_salesforce.all(|(_, outcome)| *outcome == DeliveryOutcome::Malformed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_s_document_is_not_even_read() {
    let receiver = listener().await;
    let salesforce = Salesforce::showing(&receiver, None);
    let all: Vec<(&str, Vec<u8>)> = document_types()
        .into_iter()
        .chain(heavy().into_iter().map(|(name, text)| (name, text.into_bytes())))
        .collect();
    beside(&receiver, async || {
        for (position, (name, document)) in all.iter().enumerate() {
            let secret = (position % 2 == 1).then_some("another-secret-another-secre");
            let answer = salesforce.post(secret, document.clone()).await;
            assert_eq!((answer.status, answer.ack()), (401, None), "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heavy_document_costs_no_more_than_it_weighs() {
    let receiver = listener().await;
    let salesforce = Salesforce::showing(&receiver, None);
    let all = heavy();
    beside(&receiver, async || {
        for (name, document) in &all {
            let answer = salesforce.post(Some(SECRET), document.clone()).await;
            let is_message = MESSAGES.contains(name);
            let expected = if is_message { (200, Some(true)) } else { (400, None) };
            assert_eq!((answer.status, answer.ack()), expected, "{name}: {}", answer.body);
        }
    })
    .await;
}
