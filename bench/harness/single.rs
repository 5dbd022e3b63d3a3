//! The measurements of one binary: for development, and for a comparison in CI.

use crate::{
    Result,
    arguments::Single,
    bench::new_user,
    event::Operation,
    measures::{Counting, counts, memory},
    process::Environment,
    subject::Subject,
    world::{Transport, World},
};
use serde_json::{Value, json};

const CALLS: usize = 2_000;

pub(crate) async fn instructions(options: &Single) -> Result<()> {
    let world = World::start(None).await?;
    let subject = subject(options)?;
    let counting = Counting {
        subject: &subject,
        environment: environment(options, world.environment(&subject, transport(options))),
        on_aws: environment(options, world.on_aws(&subject)),
        event: events(options, subject.operation),
    };
    let mut counts = serde_json::to_value(counts(&counting).await?)?;
    counts["bytes"] = json!(std::fs::metadata(&options.binary)?.len());
    print(options, &counts);
    Ok(())
}

pub(crate) async fn resident(options: &Single) -> Result<()> {
    let world = World::start(None).await?;
    let subject = subject(options)?;
    let environment = environment(options, world.environment(&subject, transport(options)));
    let memory = memory(&subject, &environment, (CALLS, events(options, subject.operation))).await?;
    print(options, &serde_json::to_value(memory)?);
    Ok(())
}

fn subject(options: &Single) -> Result<Subject> {
    let binary = options.binary.canonicalize().map_err(|error| format!("{}: {error}", options.binary.display()))?;
    let of_path = || Operation::of_path(&options.binary.to_string_lossy());
    let operation = options.operation.or_else(of_path).unwrap_or(Operation::GetToken);
    Ok(Subject::compiled(&binary, operation))
}

fn transport(options: &Single) -> Transport {
    if options.tls { Transport::Tls } else { Transport::Plain }
}

fn environment(options: &Single, mut environment: Environment) -> Environment {
    environment.extend(options.settings.iter().cloned());
    environment
}

/// The events of all calls: by one user, or, for fresh tokens, by another user each, who has no old tokens that must be revoked.
fn events(options: &Single, operation: Operation) -> Box<dyn Fn() -> String + Sync + '_> {
    let user = match &options.user {
        Some(user) => Some(user.clone()),
        None if operation == Operation::GetFreshToken => None,
        None => Some(new_user()),
    };
    Box::new(move || operation.event_with(&user.clone().unwrap_or_else(new_user), &options.headers))
}

/// One JSON object, or a line for each value.
fn print(options: &Single, values: &Value) {
    if options.json {
        println!("{values:#}");
        return;
    }
    for (name, value) in values.as_object().into_iter().flatten() {
        println!("{name:20} {value:>14}");
    }
}
