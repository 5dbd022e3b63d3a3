//! What all measurements share: the options and the subjects.

use crate::{
    Result,
    arguments::Measure,
    event::Operation,
    process::{Environment, Running},
    subject::Subject,
    world::{Transport, World},
};
use serde_json::{Value, json};
use std::{fs, process::Command};

#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) options: Measure,
    /// The subjects that exist, in the order of the tables.
    subjects: Vec<Subject>,
}

impl Bench {
    pub(crate) fn open(options: Measure) -> Result<Self> {
        use Operation::{GetFreshToken, GetToken, HasToken, Invalidate};
        let node = options.peers.join("node");
        let peer = |name: &str| Subject::compiled(&options.peer_binaries.join(name), GetToken);
        let functions = [
            ("get-token", GetToken),
            ("get-fresh-token", GetFreshToken),
            ("has-token", HasToken),
            ("invalidate", Invalidate),
        ];
        let mut all = vec![peer("empty"), peer("get-item")];
        all.extend(functions.map(|(name, operation)| Subject::compiled(&options.functions.join(name), operation)));
        all.extend(functions.map(|(name, operation)| Subject::node(&node, name, operation)));
        let (subjects, missing): (Vec<_>, Vec<_>) = all.into_iter().partition(|subject| subject.file.exists());
        for subject in missing {
            eprintln!("left out, as there is no {}: {}", subject.file.display(), subject.name);
        }
        if subjects.is_empty() {
            return Err("there is nothing to measure".into());
        }
        Ok(Self { options, subjects })
    }

    pub(crate) fn all(&self) -> &[Subject] {
        &self.subjects
    }

    /// The subject with this name, if it exists.
    pub(crate) fn subject(&self, name: &str) -> Option<&Subject> {
        self.subjects.iter().find(|subject| subject.name == name)
    }

    /// The subjects with these names that exist.
    pub(crate) fn subjects(&self, names: &[&str]) -> Vec<&Subject> {
        names.iter().filter_map(|name| self.subject(name)).collect()
    }

    pub(crate) async fn world(&self) -> Result<World> {
        World::start(self.options.dynamodb_url.as_deref()).await
    }

    /// Gives a user a token of our functions and one of the functions on Node.
    pub(crate) async fn store_token(&self, world: &World, user: &str) -> Result<()> {
        for subject in self.subjects(&["get-token", "node get-token"]) {
            let environment = world.environment(subject, Transport::Plain);
            let running = Running::start(subject, &environment, None).await?;
            running.call(Operation::GetToken.event(user)).await?;
        }
        Ok(())
    }

    /// When, where and of which programs the figures are. No names of this machine.
    pub(crate) fn about(&self) -> Value {
        let version = |program: &str| {
            let output = Command::new(program).arg("--version").output().ok();
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        json!({
            "date": self.options.date,
            "commit": self.options.commit,
            "quick": self.options.quick,
            "database": if self.options.dynamodb_url.is_some() { "DynamoDB Local" } else { "embedded" },
            "processor": processor(),
            "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            "architecture": std::env::consts::ARCH,
            "rustc": version("rustc"),
            "node": version("node"),
            "valgrind": version("valgrind"),
        })
    }
}

fn processor() -> Option<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.to_owned())
}

/// A function that has handled its first calls: connections are open, and the user has a token.
pub(crate) async fn warm(subject: &Subject, environment: &Environment, user: &str) -> Result<Running> {
    let running = Running::start(subject, environment, None).await?;
    for _ in 0..20 {
        running.call(subject.event(user)).await?;
    }
    Ok(running)
}
