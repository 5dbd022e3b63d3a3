//! The smallest function on AWS's Rust runtime. It returns 200 "ok" to each request.

use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(async |_: Request| Ok::<_, Error>("ok"))).await
}
