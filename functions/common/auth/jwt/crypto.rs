//! The cryptography behind JSON Web Tokens: `ring`, which TLS uses already. The backends of `jsonwebtoken` would add a second library
//! for the same algorithms.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{Error, Verifier},
};
use ring::{hmac, signature};

static RING: CryptoProvider = CryptoProvider {
    // The functions verify tokens and sign none.
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `ring` the cryptography of every JSON Web Token in this process.
pub(super) fn install() {
    // An earlier call has done the same.
    let _ = RING.install_default();
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the provider's type")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    // An RSA key is public, and must not be used as a secret.
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(RingVerifier { algorithm: *algorithm, key: key.clone() }))
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], given: &Vec<u8>) -> std::result::Result<(), Error> {
        let bytes = self.key.try_get_as_bytes();
        let is_good = match self.algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                let key = hmac::Key::new(mac(self.algorithm), bytes.map_err(|_| Error::new())?);
                hmac::verify(&key, message, given)
            }
            Algorithm::ES256 => of_bytes(&signature::ECDSA_P256_SHA256_FIXED, bytes, message, given),
            Algorithm::ES384 => of_bytes(&signature::ECDSA_P384_SHA384_FIXED, bytes, message, given),
            Algorithm::EdDSA => of_bytes(&signature::ED25519, bytes, message, given),
            Algorithm::RS256 => self.rsa(&signature::RSA_PKCS1_2048_8192_SHA256, message, given),
            Algorithm::RS384 => self.rsa(&signature::RSA_PKCS1_2048_8192_SHA384, message, given),
            Algorithm::RS512 => self.rsa(&signature::RSA_PKCS1_2048_8192_SHA512, message, given),
            Algorithm::PS256 => self.rsa(&signature::RSA_PSS_2048_8192_SHA256, message, given),
            Algorithm::PS384 => self.rsa(&signature::RSA_PSS_2048_8192_SHA384, message, given),
            Algorithm::PS512 => self.rsa(&signature::RSA_PSS_2048_8192_SHA512, message, given),
            _ => Err(ring::error::Unspecified),
        };
        is_good.map_err(|_| Error::new())
    }
}

impl RingVerifier {
    fn rsa(
        &self,
        parameters: &'static signature::RsaParameters,
        message: &[u8],
        given: &[u8],
    ) -> std::result::Result<(), ring::error::Unspecified> {
        match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                signature::RsaPublicKeyComponents { n, e }.verify(parameters, message, given)
            }
            DecodingKeyKind::SecretOrDer(der) => {
                signature::UnparsedPublicKey::new(parameters, der).verify(message, given)
            }
        }
    }
}

fn of_bytes(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    key: Result<&[u8]>,
    message: &[u8],
    given: &[u8],
) -> std::result::Result<(), ring::error::Unspecified> {
    let key = key.map_err(|_| ring::error::Unspecified)?;
    signature::UnparsedPublicKey::new(algorithm, key).verify(message, given)
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn mac(algorithm: Algorithm) -> hmac::Algorithm {
    match algorithm {
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    }
}
