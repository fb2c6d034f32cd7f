//! The request with a sample: sent, or printed as a command for a shell.

use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, StatusCode};
use url::Url;

use crate::cli::Exit;
use crate::cli::send::{Proof, Sample, SampleFormat, SendArguments, SendError, read};
use crate::domain::secret::SecretText;
use crate::senders::bearer::AUTHORIZATION;
use crate::senders::outbound_message::ACK;
use crate::senders::path_secret::PathSecret;

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// No more of an answer is shown.
const MAX_SHOWN: usize = 4096;

/// Sends the sample, and shows what the receiver answers.
pub(super) async fn deliver(
    arguments: &SendArguments,
    proof: &Proof,
    sample: Sample,
    out: &mut dyn Write,
) -> Result<Exit, SendError> {
    let url = &arguments.url;
    let unreachable = |error: reqwest::Error| SendError::Unreachable {
        url: url.clone(),
        source: error.without_url(),
    };
    let mut request = client(arguments)?
        .post(with_secret(arguments)?)
        .header("content-type", sample.content_type)
        .body(sample.body);
    if arguments.format == SampleFormat::OutboundMessage {
        request = request.header("soapaction", "\"\"");
    }
    for (name, value) in sample.headers {
        request = request.header(name, value);
    }
    request = match proof {
        Proof::Token(token, _) => request.bearer_auth(token.expose()),
        Proof::Login(login, _) => {
            let (user, password) = login.expose().split_once(':').unwrap_or((login.expose(), ""));
            request.basic_auth(user, Some(password))
        }
        Proof::Signed(headers) => {
            headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
        }
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let mut answer = Vec::new();
    while answer.len() < MAX_SHOWN {
        let Some(chunk) = response.chunk().await.map_err(unreachable)? else { break };
        answer.extend_from_slice(&chunk);
    }
    answer.truncate(MAX_SHOWN);
    writeln!(out, "{status}")?;
    let answer = String::from_utf8_lossy(&answer);
    writeln!(out, "{}", answer.trim_end())?;
    // Salesforce takes nothing else for an acknowledgement.
    let is_taken = if arguments.format == SampleFormat::OutboundMessage {
        status == StatusCode::OK && answer == ACK
    } else {
        status.is_success()
    };
    Ok(if is_taken { Exit::Well } else { Exit::Wrong })
}

/// The address, with the secret where there is one.
fn with_secret(arguments: &SendArguments) -> Result<Url, SendError> {
    let mut url = arguments.url.clone();
    if let Some(path) = &arguments.path_secret_file {
        let secret = read(path)?;
        PathSecret::parse(secret.expose())
            .map_err(|source| SendError::Key { path: path.clone(), source })?;
        let wrong = |()| SendError::Url(arguments.url.clone());
        url.path_segments_mut().map_err(wrong)?.pop_if_empty().push(secret.expose());
    }
    Ok(url)
}

/// A client that follows no redirect: the receiver's own answer is what is tested.
fn client(arguments: &SendArguments) -> Result<Client, SendError> {
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_DEADLINE)
        .timeout(ANSWER_DEADLINE);
    if let (Some(certificate), Some(key)) =
        (&arguments.certificate_file, &arguments.private_key_file)
    {
        let pem =
            SecretText::new([read(key)?.expose(), "\n", read(certificate)?.expose()].concat());
        let identity = Identity::from_pem(pem.expose().as_bytes())
            .map_err(|source| SendError::Identity { path: certificate.clone(), source })?;
        builder = builder.identity(identity);
    }
    if let Some(path) = &arguments.ca_file {
        let path = || path.clone();
        let pem = fs::read(path()).map_err(|source| SendError::File { path: path(), source })?;
        let authorities = Certificate::from_pem_bundle(&pem)
            .map_err(|error| SendError::Authorities { path: path(), source: Some(error) })?;
        if authorities.is_empty() {
            return Err(SendError::Authorities { path: path(), source: None });
        }
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().map_err(SendError::NoClient)
}

/// Writes the request as a command for a shell. The token stays in its file.
pub(super) fn print(
    out: &mut dyn Write,
    arguments: &SendArguments,
    proof: &Proof,
    sample: &Sample,
) -> io::Result<()> {
    write!(out, "curl --request POST {}", quoted(arguments.url.as_str()))?;
    if let Some(path) = &arguments.path_secret_file {
        write!(out, "/\"$(cat {})\"", quoted(&path.display().to_string()))?;
    }
    let content_type = quoted(&format!("content-type: {}", sample.content_type));
    write!(out, " \\\n  --header {content_type}")?;
    for (name, value) in &sample.headers {
        write!(out, " \\\n  --header {}", quoted(&format!("{name}: {value}")))?;
    }
    match proof {
        Proof::Token(_, path) => {
            let path = quoted(&path.display().to_string());
            write!(out, " \\\n  --header \"{AUTHORIZATION}: Bearer $(cat {path})\"")?;
        }
        Proof::Login(_, path) => {
            let path = quoted(&path.display().to_string());
            write!(out, " \\\n  --user \"$(cat {path})\"")?;
        }
        Proof::Signed(headers) => {
            for (name, value) in headers {
                write!(out, " \\\n  --header {}", quoted(&format!("{name}: {value}")))?;
            }
        }
    }
    let files = [("--cert", &arguments.certificate_file), ("--key", &arguments.private_key_file)];
    for (option, path) in files {
        if let Some(path) = path {
            write!(out, " \\\n  {option} {}", quoted(&path.display().to_string()))?;
        }
    }
    if let Some(path) = &arguments.ca_file {
        write!(out, " \\\n  --cacert {}", quoted(&path.display().to_string()))?;
    }
    writeln!(out, " \\\n  --data-raw {}", quoted(&sample.body))
}

/// One word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
