//! `invalidate` as a Lambda function.

use cip::operation::Invalidate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    cip::serve::<Invalidate>().await
}
