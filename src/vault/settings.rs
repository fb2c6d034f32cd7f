//! What the adapter is told at start, and why it may refuse to be built.

use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use crate::vault::client::fits_header;

/// How to reach Vault or OpenBao, and how to log in there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server: `https`, or `http` where the host is the loopback interface. It has no path.
    pub address: Url,
    /// The namespace that every request names; `None` for the root namespace.
    pub namespace: Option<String>,
    /// PEM certificates that alone are trusted; `None` trusts the system's.
    pub ca_file: Option<PathBuf>,
    /// The way to log in.
    pub auth: Auth,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a request may take, its connection and its answer included.
    pub timeout: Duration,
}

impl Settings {
    /// Whether an address is a server's, and none that the token would cross a network to in the clear.
    pub fn check_address(address: &Url) -> Result<(), VaultSetupError> {
        let loopback = match address.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        match address.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(VaultSetupError::PlainHttp),
            _ => return Err(VaultSetupError::Scheme),
        }
        let origin_only = address.path() == "/"
            && address.query().is_none()
            && address.fragment().is_none()
            && address.username().is_empty()
            && address.password().is_none();
        if origin_only { Ok(()) } else { Err(VaultSetupError::MoreThanOrigin) }
    }

    /// Whether a namespace can stand in the header that names it.
    pub fn check_namespace(namespace: &str) -> Result<(), VaultSetupError> {
        if fits_header(namespace) { Ok(()) } else { Err(VaultSetupError::Namespace) }
    }
}

/// A way to log in. Every secret is the path of a file, read anew at each login, so that a
/// replaced file needs no restart. Space around a file's text is not part of it.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A token that something else (an agent, an operator) puts into a file.
    TokenFile {
        /// The file that holds the token.
        path: PathBuf,
    },
    /// The AppRole method.
    AppRole {
        /// Where the method is enabled, `approle` for instance.
        mount: String,
        /// The file that holds the role id.
        role_id_file: PathBuf,
        /// The file that holds the secret id.
        secret_id_file: PathBuf,
    },
    /// The Kubernetes method, with the pod's service account.
    Kubernetes {
        /// Where the method is enabled, `kubernetes` for instance.
        mount: String,
        /// The role to ask for.
        role: String,
        /// The file that holds the service account's token.
        jwt_file: PathBuf,
    },
    /// The JWT method.
    Jwt {
        /// Where the method is enabled, `jwt` for instance.
        mount: String,
        /// The role to ask for; `None` for the method's default role.
        role: Option<String>,
        /// The file that holds the JSON web token.
        jwt_file: PathBuf,
    },
    /// The TLS certificate method.
    Certificate {
        /// Where the method is enabled, `cert` for instance.
        mount: String,
        /// The certificate role to ask for.
        role: String,
        /// The PEM file of the client certificate and its chain.
        certificate_file: PathBuf,
        /// The PEM file of its private key.
        key_file: PathBuf,
    },
}

/// Why the adapter was not built.
#[derive(Debug, thiserror::Error)]
pub enum VaultSetupError {
    /// Neither `https` nor `http`.
    #[error("the address of Vault must begin with https://")]
    Scheme,
    /// `http` to another machine would show the token to the network.
    #[error("http:// is allowed to the loopback interface alone; use https://")]
    PlainHttp,
    /// A path, a query, a fragment or a user: Vault's API lives at the root.
    #[error("the address of Vault may hold a scheme, a host and a port, and nothing else")]
    MoreThanOrigin,
    /// An empty namespace, or one with a character that a header cannot carry.
    #[error("the namespace of Vault must be printable ASCII")]
    Namespace,
    /// The CA file cannot be read.
    #[error("the CA file {} cannot be read", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The CA file is not PEM.
    #[error("the CA file {} is not PEM", path.display())]
    CaFormat {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: reqwest::Error,
    },
    /// The CA file holds no certificate, so nothing could be trusted.
    #[error("the CA file {} holds no certificate", path.display())]
    CaEmpty {
        /// The file.
        path: PathBuf,
    },
    /// The HTTP client cannot be built: no certificate of the system's, for instance.
    #[error("the HTTP client for Vault cannot be built")]
    Client(#[source] reqwest::Error),
}
