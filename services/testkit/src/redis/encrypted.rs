//! A Redis that is reached under TLS, by name and password.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::{Port, RedisServer};
use crate::directory::Directory;

/// One server whose encrypted port shows a certificate of an authority of its own, and lets in [`EncryptedRedis::USER`].
#[derive(Debug)]
pub struct EncryptedRedis {
    _server: RedisServer,
    port: Port,
    directory: Directory,
}

impl EncryptedRedis {
    /// Whom it lets in.
    pub const USER: &str = "edge";
    /// With which password.
    pub const PASSWORD: &str = "secret";

    /// Starts a server and waits until it answers.
    pub async fn start() -> Self {
        let (directory, port) = (Directory::new(), Port::lease());
        let key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&key).expect("an authority");
        directory.write("ca.pem", &certificate.pem());
        let issuer = Issuer::new(authority, key);
        let key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new([String::from("127.0.0.1")])
            .and_then(|params| params.signed_by(&key, &issuer))
            .expect("a certificate");
        directory.write("redis.pem", &server.pem());
        directory.write("redis.key", &key.serialize_pem());
        let file = |name: &str| directory.path(name).display().to_string();
        let settings = format!(
            "tls-port {}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients no\n\
             user {} on >{} ~* &* +@all\n",
            port.number(),
            file("redis.pem"),
            file("redis.key"),
            file("ca.pem"),
            Self::USER,
            Self::PASSWORD,
        );
        Self {
            _server: RedisServer::with(&settings).await,
            port,
            directory,
        }
    }

    /// The URL that an edge takes, which logs in with `password`.
    #[must_use]
    pub fn url(&self, password: &str) -> String {
        let (user, port) = (Self::USER, self.port.number());
        format!("rediss://{user}:{password}@127.0.0.1:{port}")
    }

    /// The authority that signed its certificate (PEM).
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.path("ca.pem")
    }
}
