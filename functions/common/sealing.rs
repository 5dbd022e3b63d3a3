//! Envelope encryption of cookies and agents' tokens: whoever can read the table, but may not use the key in AWS KMS, cannot use them.
//!
//! | file | what it holds |
//! |---|---|
//! | here | which keys are used, and when AWS KMS is called |
//! | `sealing/envelope.rs` | the format of a sealed secret, and its encryption |
//! | `sealing/keys.rs` | the data keys that a process remembers |
//! | `sealing/failures.rs` | the failures of AWS KMS that it remembers |
//! | `sealing/payload.rs` | secrets as bytes |
//!
//! A process gets a data key from AWS KMS when it first seals something, and uses it for an hour. What it seals has that data key with it,
//! encrypted by AWS KMS. To open a secret that another process has sealed, a process lets AWS KMS decrypt the data key.
//!
//! Opening needs no setting, only the permission to decrypt. So the setting can be changed or removed at any time, and while a new
//! version is deployed the old one can read what the new one has stored.

mod envelope;
mod failures;
mod keys;
mod payload;

use crate::{
    clients::kms::{self, Kms},
    context::Context,
    identity::{Binding, MaybeSealed, Sealed},
    renewal::StoreError,
    settings::CookiesKey,
    time::now,
};
use envelope::{Cipher, Envelope};
use failures::Wanted;
pub(crate) use failures::{REFUSED_S, UNAVAILABLE_S};
use keys::{DataKey, Keys};
pub(crate) use payload::Payload;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seals and opens secrets.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    key: Option<CookiesKey>,
    kms: Arc<Kms>,
    /// Shared by the clones of all calls.
    keys: Arc<Mutex<Keys>>,
}

/// What is needed to seal secrets, without AWS KMS.
#[derive(Clone, Debug)]
pub(crate) struct Seal(Option<Arc<DataKey>>);

impl Sealer {
    /// With this key; without one, secrets are stored in the clear.
    pub(crate) fn new(key: Option<CookiesKey>) -> Self {
        Self { key, kms: Arc::default(), keys: Arc::default() }
    }

    /// Gets ready to seal secrets. At most one request to AWS KMS.
    ///
    /// # Errors
    /// If there is no data key.
    pub(crate) async fn seal(&self, context: &Context) -> Result<Seal, StoreError> {
        let Some(key) = &self.key else { return Ok(Seal(None)) };
        if let Some(data_key) = self.keys().find_to_seal(now()) {
            return Ok(Seal(Some(data_key)));
        }
        let kms::DataKey { key: bytes, encrypted } = self.request(None, self.kms.data_key(key.arn()), context).await?;
        let cipher = Cipher::new(&bytes).ok_or_else(|| StoreError::KmsUnavailable("a key of another length".into()))?;
        let data_key = Arc::new(DataKey { cipher: Arc::new(cipher), encrypted, of: key.fingerprint() });
        self.keys().remember_to_seal(Arc::clone(&data_key), now());
        Ok(Seal(Some(data_key)))
    }

    /// The secret. At most one request to AWS KMS.
    ///
    /// # Errors
    /// If its data key cannot be decrypted, or if it was damaged, or sealed for another place.
    pub(crate) async fn open<T: Payload + Clone>(
        &self,
        secret: &MaybeSealed<T>,
        context: &Context,
    ) -> Result<T, StoreError> {
        let sealed = match secret {
            MaybeSealed::Open(secret) => return Ok(secret.clone()),
            MaybeSealed::Sealed(sealed) => sealed,
        };
        let envelope = Envelope::parse(&sealed.envelope).ok_or_else(damaged)?;
        let remembered = self.keys().find_to_open(envelope.encrypted_key, now());
        let cipher = match remembered {
            Some(cipher) => cipher,
            None => self.decrypt(envelope.encrypted_key, context).await?,
        };
        cipher.open(&envelope, &sealed.binding).as_deref().and_then(T::of_bytes).ok_or_else(damaged)
    }

    async fn decrypt(&self, encrypted: &[u8], context: &Context) -> Result<Arc<Cipher>, StoreError> {
        let bytes = self.request(Some(encrypted), self.kms.decrypt(encrypted), context).await?;
        let cipher = Arc::new(Cipher::new(&bytes).ok_or_else(damaged)?);
        self.keys().remember_to_open(encrypted, Arc::clone(&cipher), now());
        Ok(cipher)
    }

    /// Sends this request, unless it would fail as it did a moment ago.
    async fn request<T>(
        &self,
        wanted: Wanted<'_>,
        request: impl Future<Output = Result<T, kms::Error>>,
        context: &Context,
    ) -> Result<T, StoreError> {
        let remembered = self.keys().failures.of(wanted, now());
        if let Some(error) = remembered {
            return Err(error);
        }
        let error = match context.deadline.bound(request).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(kms::Error::Unavailable(cause))) => StoreError::KmsUnavailable(cause),
            Ok(Err(kms::Error::Refused(cause))) => StoreError::KmsRefused(cause),
            // This call had less time than the client allows. Another one may have enough.
            Err(_) => return Err(StoreError::KmsUnavailable("no response in time".into())),
        };
        self.keys().failures.remember(wanted, error.clone(), now());
        Err(error)
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the settings would store this secret as it is in the place that `binding` is for.
    pub(crate) fn is_current<T>(&self, secret: &MaybeSealed<T>, binding: &Binding) -> bool {
        match (secret, &self.key) {
            (MaybeSealed::Open(_), key) => key.is_none(),
            (MaybeSealed::Sealed(_), None) => false,
            (MaybeSealed::Sealed(sealed), Some(key)) => {
                let of = Envelope::parse(&sealed.envelope).map(|envelope| envelope.of);
                sealed.binding == *binding && of == Some(key.fingerprint())
            }
        }
    }
}

impl Seal {
    /// The secret as it is stored in the place that `binding` is for. No request.
    ///
    /// # Errors
    /// Only if the system has no random numbers.
    pub(crate) fn seal<T: Payload>(&self, secret: T, binding: Binding) -> Result<MaybeSealed<T>, StoreError> {
        let Some(DataKey { cipher, encrypted, of }) = self.0.as_deref() else { return Ok(MaybeSealed::Open(secret)) };
        let envelope = cipher.seal(secret.to_bytes(), (*of, encrypted), &binding);
        let envelope = envelope.ok_or_else(|| StoreError::Internal("a secret could not be sealed".into()))?;
        Ok(MaybeSealed::Sealed(Sealed { envelope, binding }))
    }
}

/// Whether AWS KMS refuses to decrypt a secret, or the secret is damaged.
pub(crate) fn is_lasting(error: &StoreError) -> bool {
    matches!(error, StoreError::KmsRefused(_) | StoreError::Internal(_))
}

fn damaged() -> StoreError {
    StoreError::Internal("a sealed secret is damaged, or was sealed for another item".into())
}
