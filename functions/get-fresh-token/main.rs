//! `getFreshToken` as a Lambda function.

use cip::operation::GetFreshToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    cip::serve::<GetFreshToken>().await
}
