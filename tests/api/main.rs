//! The four real binaries under a Lambda runtime API, with real events of API Gateway and their responses. DynamoDB
//! is the embedded one or, with `DYNAMODB_LOCAL_URL`, Amazon's own. LiveChat is the sandbox.

mod agent_token;
mod auth;
mod bad_input;
mod breaker;
mod chaos;
mod clock;
mod concurrency;
mod connections;
mod crashes;
mod documentation;
mod dynamodb;
mod gateways;
mod groups;
mod guests;
mod identity_change;
mod kms;
mod livechat_down;
mod logout;
mod operations;
mod outage;
mod proxy;
mod rate_limit;
mod refusals;
mod revocation;
mod sample_faults;
mod sandbox;
mod sealed;
mod slow;
mod start;
mod store;
mod store_down;
mod telemetry;
mod template;
mod wire;
mod world;
