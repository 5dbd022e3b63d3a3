//! The measurements of one binary: for development, and for a comparison in CI.

use crate::{
    Result,
    arguments::Single,
    event::{Operation, new_user},
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

/// The events of all calls: by the user that the options name, or by users who have not called before.
fn events(options: &Single, operation: Operation) -> Box<dyn Fn() -> String + Sync + '_> {
    let first = new_user();
    let caller = move || options.user.clone().unwrap_or_else(|| operation.caller(&first));
    Box::new(move || operation.event_with(&caller(), &options.headers))
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
