//! Which certificates are trusted.
//!
//! Mozilla's and Amazon's are compiled in, ready to use. Reading the system's 140 from their file costs a cold start 17 million
//! instructions.

use rustls::{RootCertStore, pki_types::TrustAnchor};
use webpki_roots::TLS_SERVER_ROOTS;

/// Whose certificates are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Mozilla's list: for servers on the internet.
    Mozilla,
    /// Amazon's own, which sign all endpoints of AWS outside China (<https://www.amazontrust.com/repository/>). There are five.
    Amazon,
    /// The system's, or those in the file that `SSL_CERT_FILE` names: for an endpoint that may have a private certificate.
    System,
}

impl Roots {
    pub(super) fn store(self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        match self {
            Self::Mozilla => store.roots = TLS_SERVER_ROOTS.to_vec(),
            Self::Amazon => store.roots = TLS_SERVER_ROOTS.iter().filter(|root| is_amazons(root)).cloned().collect(),
            Self::System => {
                // A certificate that cannot be read is left out, as other programs do.
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        store
    }
}

/// The fifth root certificate of Amazon.
const STARFIELD: &str = "Starfield Services Root Certificate Authority - G2";

fn is_amazons(root: &TrustAnchor<'_>) -> bool {
    // The common name is the last part of a subject.
    let names = ["Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4", STARFIELD];
    names.iter().any(|name| root.subject.ends_with(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    /// As Amazon publishes them.
    const PUBLISHED: &[u8] = include_bytes!("amazon-root-cas.pem");

    #[test]
    fn amazons_roots_are_the_five_that_it_publishes() {
        let mut published = RootCertStore::empty();
        let (good, bad) = published.add_parsable_certificates(
            CertificateDer::pem_slice_iter(PUBLISHED).map(|certificate| certificate.expect("a certificate")),
        );
        assert_eq!((good, bad), (5, 0));
        let trusted = Roots::Amazon.store().roots;
        assert_eq!(trusted.len(), 5);
        for root in published.roots {
            assert!(trusted.contains(&root), "{:?} is not trusted", root.subject);
        }
    }

    #[test]
    fn servers_on_the_internet_are_trusted_by_mozillas_list() {
        assert!(Roots::Mozilla.store().roots.len() > 100);
    }
}
