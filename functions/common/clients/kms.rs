//! AWS KMS: new data keys, and their decryption.

use super::aws::Service;
use aws_sdk_kms::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::Blob,
    types::DataKeySpec,
};
use std::time::Duration;
use tokio::sync::OnceCell;

/// The longest duration of one request, retries included. A user is waiting.
const LONGEST: Duration = Duration::from_secs(2);
/// What each data key is for: AWS KMS decrypts it only with the same, and its log of calls has it. It is not the table's name, as a table that
/// was restored from a backup has another one.
const CONTEXT: (&str, &str) = ("application", "livechat-cip");

/// AWS KMS. The client is created when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Kms(OnceCell<Client>);

/// A new data key of 256 bits.
pub(crate) struct DataKey {
    /// The key itself.
    pub(crate) key: Vec<u8>,
    /// The same, encrypted by AWS KMS.
    pub(crate) encrypted: Vec<u8>,
}

/// Why AWS KMS did not do what it was asked. The text is for the log.
#[derive(Debug)]
pub(crate) enum Error {
    /// It was not reached, failed, or was too slow.
    Unavailable(String),
    /// It refused, and would refuse the same again, until somebody changes the key or the role.
    Refused(String),
}

impl Kms {
    /// A new data key, encrypted with the key `arn`. One `GenerateDataKey`.
    pub(crate) async fn data_key(&self, arn: &str) -> Result<DataKey, Error> {
        let request = self.client().await?.generate_data_key().key_id(arn).key_spec(DataKeySpec::Aes256);
        // On the heap: the SDK's futures are large, and most calls need none.
        let output = Box::pin(request.encryption_context(CONTEXT.0, CONTEXT.1).send()).await;
        let output = output.map_err(|error| why(&error))?;
        match (output.plaintext, output.ciphertext_blob) {
            (Some(key), Some(encrypted)) => Ok(DataKey { key: key.into_inner(), encrypted: encrypted.into_inner() }),
            _ => Err(Error::Unavailable("a response without a key".into())),
        }
    }

    /// The data key that was `encrypted`, with any key that the role may use. One `Decrypt`.
    pub(crate) async fn decrypt(&self, encrypted: &[u8]) -> Result<Vec<u8>, Error> {
        let request = self.client().await?.decrypt().ciphertext_blob(Blob::new(encrypted));
        let output = Box::pin(request.encryption_context(CONTEXT.0, CONTEXT.1).send()).await;
        let key = output.map_err(|error| why(&error))?.plaintext;
        key.map(Blob::into_inner).ok_or_else(|| Error::Unavailable("a response without a key".into()))
    }

    async fn client(&self) -> Result<&Client, Error> {
        let connect = || {
            let config = Service::new("AWS_ENDPOINT_URL_KMS", LONGEST).config();
            Ok(Client::new(&config.map_err(|error| Error::Unavailable(error.to_string()))?.0))
        };
        self.0.get_or_try_init(async || connect()).await
    }
}

/// The kind of error only.
fn why<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Error {
    let refused = |why: &str| Error::Refused(why.to_owned());
    match error {
        SdkError::ServiceError(error) => match error.err().code().unwrap_or("an error without a code") {
            "AccessDeniedException" => {
                refused("AccessDeniedException: the function's role or the key's policy does not allow it")
            }
            code @ ("DisabledException"
            | "IncorrectKeyException"
            | "InvalidCiphertextException"
            | "InvalidKeyUsageException"
            | "KMSInvalidStateException"
            | "NotFoundException") => refused(code),
            code => Error::Unavailable(code.to_owned()),
        },
        SdkError::TimeoutError(_) => Error::Unavailable("time-out".into()),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Error::Unavailable("time-out".into()),
        SdkError::DispatchFailure(failure) if failure.is_io() => Error::Unavailable("no connection".into()),
        _ => Error::Unavailable("the request could not be sent, or its response not be read".into()),
    }
}
