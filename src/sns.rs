//! The web as Amazon SNS is met there: certificates and confirmations, over https, without redirects.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use reqwest::redirect::Policy;
use url::Url;

use crate::ports::web::{Web, WebTrouble};

/// How long a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a whole answer may take: less than a sender waits for ours.
const ANSWER: Duration = Duration::from_secs(6);

/// A certificate has two kilobytes, a confirmation less.
const MAX_BYTES: usize = 64 * 1024;

/// A client that is built when it is first needed: most installations have no source of this
/// kind, and some have no system certificates.
#[derive(Debug, Default)]
pub struct SnsWeb(OnceLock<Option<Client>>);

impl SnsWeb {
    fn client(&self) -> Option<&Client> {
        let build = || {
            let builder = Client::builder().https_only(true).redirect(Policy::none());
            builder.connect_timeout(CONNECT).timeout(ANSWER).build().ok()
        };
        self.0.get_or_init(build).as_ref()
    }
}

#[async_trait]
impl Web for SnsWeb {
    async fn get(&self, url: &Url) -> Result<Vec<u8>, WebTrouble> {
        let client = self.client().ok_or(WebTrouble::Unreachable)?;
        let answer = client.get(url.clone()).send().await;
        let mut answer = answer.map_err(|_| WebTrouble::Unreachable)?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(WebTrouble::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| WebTrouble::Unreachable)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(WebTrouble::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
