//! A connection to an address that was checked, with TLS where the scheme has it.
//!
//! Certificates are judged by the platform's own rules and roots, for the name in
//! the URL; an operator may add roots of a file. One connection for each request:
//! nothing a plugin does to one can reach another's.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::EgressError;
use crate::subnet::grant::{Origin, Scheme};

/// To connect to one address; another of the same name is tried after it.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Certificates of an operator's file.
const CERTIFICATES_MAX: usize = 256;

/// A connection, whatever is below it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Trusts the system's roots and those of `ca_file`.
pub(super) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, EgressError> {
    let provider = Arc::new(ring::default_provider());
    let roots = ca_file.map(certificates).transpose()?.unwrap_or_default();
    let verifier = Verifier::new_with_extra_roots(roots)?.with_provider(provider.clone());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, EgressError> {
    let failed = |why: String| EgressError::CaFile {
        path: path.to_owned(),
        why,
    };
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| failed(e.to_string()))? {
        found.push(certificate.map_err(|error| failed(error.to_string()))?);
        if found.len() > CERTIFICATES_MAX {
            return Err(failed(format!(
                "it has more than {CERTIFICATES_MAX} certificates"
            )));
        }
    }
    if found.is_empty() {
        return Err(failed("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

/// Connects to the first of `addresses` that lets it.
pub(super) async fn connect(
    tls: &TlsConnector,
    origin: &Origin,
    addresses: &[SocketAddr],
) -> io::Result<Box<dyn Stream>> {
    let stream = first(addresses).await?;
    // Latency, not correctness.
    let _ = stream.set_nodelay(true);
    match origin.scheme() {
        Scheme::Http => Ok(Box::new(stream)),
        Scheme::Https => {
            let name = match origin.address() {
                Some(address) => ServerName::from(address),
                None => ServerName::try_from(origin.host().to_owned()).map_err(io::Error::other)?,
            };
            Ok(Box::new(tls.connect(name, stream).await?))
        }
    }
}

async fn first(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in addresses {
        match tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}
