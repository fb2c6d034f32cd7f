//! Deliveries of relays with something wrong about them.

use reset_receiver::senders::email::relay::Relay;

use super::post::Post;
use crate::support::sender::Delivery;

/// Swaps one character of the proof for another one of the same alphabet.
pub(crate) fn forged(relay: Relay, mut delivery: Delivery) -> Delivery {
    let swap = |text: &str| text.replacen(['2', '3'], "4", 1).replacen('A', "B", 1);
    match relay {
        Relay::Mailgun => {
            let text = String::from_utf8(delivery.body).unwrap();
            let (head, signature) = text.split_once("&signature=").unwrap();
            let signature: String =
                signature.chars().map(|c| if c == '0' { '1' } else { '0' }).collect();
            delivery.body = format!("{head}&signature={signature}").into_bytes();
        }
        Relay::SendGrid | Relay::Mime => {
            let at = delivery.body.len() - 4;
            delivery.body[at] ^= 1;
        }
        Relay::SesSns => {
            let text = String::from_utf8(delivery.body).unwrap();
            delivery.body = text.replacen("bounce@", "bounde@", 1).into_bytes();
        }
        Relay::Postmark | Relay::CloudMailin => {
            for (name, value) in &mut delivery.headers {
                if *name == "authorization" {
                    *value = format!("Basic {}", swap(value.trim_start_matches("Basic ")));
                }
            }
        }
    }
    delivery
}

/// Leaves the proof out.
pub(crate) fn unproven(relay: Relay, mut delivery: Delivery) -> Delivery {
    match relay {
        Relay::Mailgun | Relay::SesSns => {
            let text = String::from_utf8(delivery.body).unwrap();
            let text = text.replace("&signature=", "&s=").replace("\"Signature\":", "\"S\":");
            delivery.body = text.into_bytes();
            delivery
        }
        Relay::SendGrid => delivery.without("x-twilio-email-event-webhook-signature"),
        Relay::Postmark | Relay::CloudMailin => delivery.without("authorization"),
        Relay::Mime => delivery.without("webhook-signature"),
    }
}

/// Authentic, and not what the relay documents.
pub(crate) fn malformed(relay: Relay, post: &Post) -> Delivery {
    match relay {
        Relay::Mailgun => {
            let delivery = post.by(relay);
            let text = String::from_utf8(delivery.body.clone()).unwrap();
            delivery.with_body(text.replacen("message-headers=%5B", "message-headers=", 1))
        }
        Relay::SendGrid => post.signed_by_sendgrid(b"--xYzZY\r\nnever ended".to_vec()),
        Relay::Postmark | Relay::CloudMailin => {
            post.with_login(relay, &serde_json::json!({"From": 7}))
        }
        Relay::SesSns => post.signed_by_sns("{\"notificationType\":\"Received\"}"),
        Relay::Mime => post.by_script(Vec::new()),
    }
}

/// The same proof with another mail. `None` where the proof says nothing of time or content.
pub(crate) fn replayed(relay: Relay, first: &Post) -> Option<Delivery> {
    let old = first.by(relay);
    let new = Post { id: "other@salesforce.com".to_owned(), ..first.clone() }.by(relay);
    match relay {
        Relay::Postmark | Relay::CloudMailin => None,
        Relay::Mailgun => {
            let text = String::from_utf8(old.body.clone()).unwrap();
            Some(old.with_body(text.replacen("subject=Your", "subject=your", 1)))
        }
        Relay::SendGrid | Relay::Mime => Some(old.with_body(new.body)),
        Relay::SesSns => {
            let mut message: serde_json::Value = serde_json::from_slice(&old.body).unwrap();
            let new: serde_json::Value = serde_json::from_slice(&new.body).unwrap();
            message["Message"] = new["Message"].clone();
            Some(old.with_body(message.to_string()))
        }
    }
}
