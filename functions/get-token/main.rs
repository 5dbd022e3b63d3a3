//! `getToken` as a Lambda function.

use cip::operation::GetToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    cip::serve::<GetToken>().await
}
