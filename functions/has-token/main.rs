//! `hasToken` as a Lambda function.

use cip::operation::HasToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    cip::serve::<HasToken>().await
}
