//! The ways to prove who sent something, over any headers and any body.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reset_receiver::senders::bearer::{AUTHORIZATION, Bearer};
use reset_receiver::senders::hmac_body::{self, BodyKey, HmacBody};
use reset_receiver::senders::keys::{BearerToken, SigningKey};
use reset_receiver::senders::path_secret::PathSecret;
use reset_receiver::senders::source::Authentication;
use reset_receiver::senders::standard_webhooks::{self, StandardWebhooks};

use super::request::{Request, WINDOW, now};

const SECRET: &str = "seed-secret-seed-secret-seed";
const OTHER: &str = "other-secret-other-secret-xx";

/// A scheme with the secret, and the same with another one.
struct Pair {
    ours: Authentication,
    other: Authentication,
}

impl Pair {
    fn of(scheme: impl Fn(&str) -> Authentication) -> Self {
        Self { ours: scheme(SECRET), other: scheme(OTHER) }
    }

    /// Whatever a request is, it never passes under both secrets; whether it does under ours.
    fn passes(&self, request: &Request) -> bool {
        let ours = request.passes(&self.ours);
        assert!(!request.passes(&self.other), "nobody signed with the other secret");
        ours
    }

    /// A good request passes, and with any one bit of its body flipped it does not.
    fn covers(&self, request: &Request) {
        assert!(self.passes(request), "it is good");
        let mut longer = request.clone();
        longer.body.push(b' ');
        assert!(!self.passes(&longer), "one byte more");
        // A bit that the input itself chooses; all of them would take too long for each input.
        let length = request.body.len();
        if length > 0 {
            let mut flipped = request.clone();
            let at = request.body.iter().map(|byte| usize::from(*byte)).sum::<usize>() % length;
            flipped.body[at] ^= 1 << (length % 8);
            assert!(!self.passes(&flipped), "one bit, at {at}");
        }
    }
}

fn signing_key(secret: &str) -> SigningKey {
    SigningKey::parse(&format!("whsec_{}", STANDARD.encode(secret))).expect("it is long enough")
}

fn body_key(secret: &str) -> BodyKey {
    BodyKey::parse(secret).expect("it is long enough")
}

/// Standard Webhooks: the first line of the body stands for an id.
pub(crate) fn standard_webhooks(bytes: &[u8]) {
    static PAIR: LazyLock<Pair> = LazyLock::new(|| {
        let scheme = |secret: &str| StandardWebhooks::new(vec![signing_key(secret)], WINDOW);
        Pair::of(|secret| Authentication::StandardWebhooks(scheme(secret)))
    });
    let request = Request::read(bytes);
    if PAIR.passes(&request) {
        let proof = request.authenticated(&PAIR.ours).expect("it passes");
        let header = request.headers.iter().find(|(name, _)| name == standard_webhooks::ID);
        let id = proof.id.expect("an id is signed");
        assert_eq!(header.map(|(_, value)| value.as_slice()), Some(id.as_str().as_bytes()));
    }
    let text = String::from_utf8_lossy(bytes);
    let (id, body) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(signed) = standard_webhooks::sign(&signing_key(SECRET), id, now(), body.as_bytes())
    else {
        return;
    };
    let good = Request::with(standard_webhooks::ID, &signed.id, body)
        .and(standard_webhooks::TIMESTAMP, &signed.timestamp)
        .and(standard_webhooks::SIGNATURE, &signed.signature);
    PAIR.covers(&good);
}

/// A signature over the body alone.
pub(crate) fn hmac_body(bytes: &[u8]) {
    static PAIR: LazyLock<Pair> = LazyLock::new(|| {
        Pair::of(|key| Authentication::HmacBody(HmacBody::new(vec![body_key(key)], WINDOW)))
    });
    let request = Request::read(bytes);
    if PAIR.passes(&request) {
        let proof = request.authenticated(&PAIR.ours).expect("it passes");
        assert_eq!(proof.occurred_within, Some(WINDOW), "its time is held against the window");
    }
    let signature = hmac_body::sign(&body_key(SECRET), bytes);
    PAIR.covers(&Request::with(hmac_body::SIGNATURE, &signature, bytes));
}

/// A bearer token: what passes has it at its end, and nothing else has.
pub(crate) fn bearer(bytes: &[u8]) {
    static PAIR: LazyLock<Pair> = LazyLock::new(|| {
        let token = |secret: &str| BearerToken::parse(secret).expect("it is long enough");
        Pair::of(|secret| Authentication::Bearer(Bearer::new(vec![token(secret)])))
    });
    for request in
        [Request::read(bytes), Request::with(AUTHORIZATION, &String::from_utf8_lossy(bytes), "")]
    {
        if PAIR.passes(&request) {
            let value = request.headers.iter().find(|(name, _)| name == AUTHORIZATION);
            let value =
                String::from_utf8(value.expect("it is there").1.clone()).expect("it is text");
            let (scheme, token) = value.split_once(' ').expect("it has two words");
            assert!(scheme.eq_ignore_ascii_case("bearer") && token.trim() == SECRET, "{value:?}");
        }
    }
}

/// A secret in the path: what passes is the secret, byte for byte.
pub(crate) fn path_secret(bytes: &[u8]) {
    static PAIR: LazyLock<Pair> = LazyLock::new(|| {
        let secret = |text: &str| PathSecret::parse(text).expect("it is long enough");
        Pair::of(|text| Authentication::PathSecret(vec![secret(text)]))
    });
    let request = Request { path_secret: Some(bytes.to_vec()), ..Request::read(bytes) };
    assert_eq!(PAIR.passes(&request), bytes == SECRET.as_bytes());
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(secret) = PathSecret::parse(text)
    {
        let presented = Request { path_secret: Some(text.trim().into()), ..Request::default() };
        assert!(
            presented.passes(&Authentication::PathSecret(vec![secret])),
            "a secret opens its door"
        );
    }
}
