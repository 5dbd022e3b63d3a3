//! TLS before DynamoDB, as on AWS: a proxy with a certificate of an authority of its own.

use crate::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// The name that the certificate is for.
const NAME: &str = "localhost";

/// A proxy that ends TLS. It serves until the runtime ends.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) url: String,
    /// The certificate of the authority, as PEM.
    pub(crate) authority: String,
}

impl Tls {
    pub(crate) async fn start(upstream: SocketAddr) -> Result<Self> {
        let (server, authority) = certificates()?;
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(serve(listener, acceptor.clone(), upstream));
        // Some programs try the address of version 6 first.
        if let Ok(listener) = TcpListener::bind(("::1", port)).await {
            tokio::spawn(serve(listener, acceptor, upstream));
        }
        Ok(Self { url: format!("https://{NAME}:{port}"), authority })
    }
}

/// The server's configuration, and its authority as PEM.
fn certificates() -> Result<(ServerConfig, String)> {
    let mut authority = CertificateParams::new(vec![])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes a certificate with the name of its authority for one that is signed by itself.
    authority.distinguished_name.push(DnType::CommonName, "bench authority");
    let authority_key = KeyPair::generate()?;
    let pem = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let certificate =
        CertificateParams::new(vec![NAME.into()])?.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key)?;
    Ok((server, pem))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, upstream: SocketAddr) {
    while let Ok((client, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        // A function that is ended closes its connections in the middle.
        tokio::spawn(async move { pass(client, acceptor, upstream).await.ok() });
    }
}

async fn pass(client: TcpStream, acceptor: TlsAcceptor, upstream: SocketAddr) -> Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
