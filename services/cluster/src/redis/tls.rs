//! How Redis is reached under TLS: whose certificates are trusted.

use std::path::Path;
use std::sync::Arc;

use fred::types::config::{TlsConfig, TlsConnector};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::config::{RedisConfig, RedisConfigError};

/// Trusts the system's certificates, and those of the configured file.
pub(super) fn tls(config: &RedisConfig) -> Result<TlsConfig, RedisConfigError> {
    let mut roots = RootCertStore::empty();
    // One unreadable certificate of the system is no reason to distrust the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &config.ca_file {
        let failed = |reason: String| RedisConfigError::Certificates {
            file: file.clone(),
            reason,
        };
        for certificate in certificates(file).map_err(failed)? {
            roots
                .add(certificate)
                .map_err(|error| failed(error.to_string()))?;
        }
    }
    // Named here: the process may hold libraries that bring another provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| RedisConfigError::Url(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(client).into())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .map_err(|error| error.to_string())?
        .collect();
    match found {
        Ok(certificates) if certificates.is_empty() => Err("it holds none".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(error.to_string()),
    }
}
