//! The connection to the server: an HTTP client that follows no redirect and takes no proxy from
//! the environment, dressed as what vaultrs expects.

use std::path::Path;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{VaultClient, VaultClientSettings};

use crate::domain::secret::SecretText;
use crate::ports::secret_store::SecretTrouble;
use crate::vault::settings::{Settings, VaultSetupError};

/// Answers that vaultrs does not read are cut off here. Vault's own are a few hundred bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Where the server is and what is trusted about it. Cheap to clone: the pool is shared.
#[derive(Clone)]
pub(super) struct Connection {
    http: Client,
    settings: Settings,
    trusted: Option<Vec<Certificate>>,
}

impl Connection {
    /// Checks the settings and builds the HTTP client. Nothing is sent.
    pub(super) fn new(settings: Settings) -> Result<Self, VaultSetupError> {
        Settings::check_address(&settings.address)?;
        settings.namespace.as_deref().map_or(Ok(()), Settings::check_namespace)?;
        let trusted = settings.ca_file.as_deref().map(read_ca).transpose()?;
        let http = builder(&settings, trusted.as_ref()).build().map_err(VaultSetupError::Client)?;
        Ok(Self { http, settings, trusted })
    }

    /// What it was told.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same server, with a client certificate. It has a pool of its own.
    pub(super) fn with_identity(&self, identity: Identity) -> Result<Self, reqwest::Error> {
        let builder = builder(&self.settings, self.trusted.as_ref());
        Ok(Self { http: builder.identity(identity).build()?, ..self.clone() })
    }

    /// A vaultrs client that sends this token, or none.
    ///
    /// vaultrs' own constructor is avoided: it would follow redirects with the token, wait for
    /// ever, and read `VAULT_*` from the environment. vaultrs panics on a token that a header
    /// cannot carry, so such a token is refused here.
    pub(super) fn client(&self, token: Option<&SecretText>) -> Result<VaultClient, SecretTrouble> {
        let token = token.map(SecretText::expose);
        if token.is_some_and(|token| !fits_header(token)) {
            return Err(SecretTrouble::CredentialFile);
        }
        let address = self.settings.address.clone();
        let namespace = self.settings.namespace.clone();
        Ok(VaultClient {
            http: rustify::clients::reqwest::Client::new(address.as_str(), self.http.clone()),
            middle: EndpointMiddleware {
                token: token.unwrap_or_default().to_owned(),
                version: "v1".to_owned(),
                wrap: None,
                namespace: namespace.clone(),
            },
            settings: VaultClientSettings {
                address,
                ca_certs: Vec::new(),
                identity: None,
                timeout: None,
                token: String::new(),
                verify: true,
                version: 1,
                wrapping: false,
                namespace,
                proxy: None,
            },
        })
    }

    /// A POST of JSON without a token, in the namespace.
    pub(super) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self.http.post(below(&self.settings.address, path)).json(body);
        match &self.settings.namespace {
            Some(namespace) => request.header("X-Vault-Namespace", namespace),
            None => request,
        }
    }

    /// A GET without a token and without a namespace.
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(below(&self.settings.address, path))
    }
}

/// A GET with a client's token and namespace, for the calls that vaultrs lacks.
pub(super) fn get_with_token(client: &VaultClient, path: &str) -> RequestBuilder {
    with_token(client, Method::GET, path)
}

/// Any request with a client's token and namespace.
pub(super) fn with_token(client: &VaultClient, method: Method, path: &str) -> RequestBuilder {
    let request = client.http.http.request(method, below(&client.settings.address, path));
    let request = request.header("X-Vault-Request", "true");
    let request = request.header("X-Vault-Token", client.middle.token.as_str());
    match &client.middle.namespace {
        Some(namespace) => request.header("X-Vault-Namespace", namespace.as_str()),
        None => request,
    }
}

/// Reads an answer as JSON; `None` where it is too long, cut off or something else.
pub(super) async fn bounded_json<T: DeserializeOwned>(answer: Response) -> Option<T> {
    json_within(answer, MAX_ANSWER_BYTES).await
}

/// The same for an answer of at most so many bytes.
pub(super) async fn json_within<T: DeserializeOwned>(
    mut answer: Response,
    limit: usize,
) -> Option<T> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if body.len() + chunk.len() > limit {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).ok()
}

/// Whether a text can be a header's value as it is: printable ASCII, and some of it.
pub(super) fn fits_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

fn below(address: &Url, path: &str) -> Url {
    let mut url = address.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.clear().push("v1").extend(path.split('/'));
    }
    url
}

fn builder(settings: &Settings, trusted: Option<&Vec<Certificate>>) -> ClientBuilder {
    let builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.timeout);
    match trusted {
        Some(certificates) => builder.tls_certs_only(certificates.iter().cloned()),
        // Without this, a plain connection could not be built in an image that has no system
        // certificates.
        None if settings.address.scheme() == "http" => builder.tls_certs_only([]),
        None => builder,
    }
}

fn read_ca(path: &Path) -> Result<Vec<Certificate>, VaultSetupError> {
    let pem = std::fs::read(path)
        .map_err(|source| VaultSetupError::CaFile { path: path.to_owned(), source })?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|source| VaultSetupError::CaFormat { path: path.to_owned(), source })?;
    // An empty bundle parses, and would trust nobody without saying so.
    if certificates.is_empty() {
        return Err(VaultSetupError::CaEmpty { path: path.to_owned() });
    }
    Ok(certificates)
}
