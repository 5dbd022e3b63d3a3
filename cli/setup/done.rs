//! What setup did, for people and for programs.

use super::{has_sources, samconfig, stack_secret::PENDING, values::Values, yaml::Parameter};
use crate::env_file::is_secret;
use serde::Serialize;
use std::collections::BTreeMap;

/// What setup did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    dry_run: bool,
    /// The files that were written.
    pub(super) written: Vec<String>,
    pub(super) unchanged: Vec<String>,
    /// The settings, without secrets.
    settings: BTreeMap<String, String>,
    /// The stack's parameters that are not defaults.
    parameters: BTreeMap<String, String>,
    /// What remains to be done for the stack's secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) later: Option<Later>,
    /// The next commands.
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Later {
    /// The parameter that needs the ARN.
    pub(super) parameter: String,
    /// The command that prints it.
    pub(super) command: String,
}

impl Done {
    pub(super) fn of(values: &Values, parameters: &[Parameter], environment: Option<&str>, dry_run: bool) -> Self {
        let public = values.iter().filter(|(name, value)| !is_secret(name) && *value != PENDING);
        let set = parameters.iter().filter(|one| one.value != one.default);
        let option = environment.map(|name| format!(" --config-env {name}")).unwrap_or_default();
        let deploy = format!("sam deploy{option}");
        let deploy = if has_sources() { format!("sam build{option} && {deploy}") } else { deploy };
        let doctor = environment.map(|name| format!(" --stack {}", samconfig::stack_name(name))).unwrap_or_default();
        let mut next = vec![deploy, format!("cip doctor{doctor}")];
        if environment.is_none() && has_sources() {
            next.insert(0, "cargo local".into());
        }
        Self {
            dry_run,
            written: Vec::new(),
            unchanged: Vec::new(),
            settings: public.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            parameters: set.map(|one| (one.name.clone(), one.value.clone())).collect(),
            later: None,
            next,
        }
    }

    /// The credentials of an agent have a command of their own.
    pub(super) fn add_agent(&mut self, environment: Option<&str>) {
        match environment {
            Some(name) => self.next.push(format!("cip agent login --stack {}", samconfig::stack_name(name))),
            None => self.next.extend(["cip agent login".into(), "cip agent login --env-file .env".into()]),
        }
    }

    pub(super) fn replace_pending(&mut self, arn: &str) {
        for value in self.parameters.values_mut().filter(|value| *value == PENDING) {
            arn.clone_into(value);
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mut lines = Vec::new();
        match (self.written.is_empty(), self.dry_run) {
            (true, _) => lines.push("Nothing changes.".to_owned()),
            (false, true) => lines.push(format!("Would be written: {}", self.written.join(", "))),
            (false, false) => lines.push(format!("Written: {}", self.written.join(", "))),
        }
        if let Some(Later { parameter, command }) = &self.later {
            lines.push(format!("\nBefore you deploy: create the stack's secret, and put the ARN that this prints into {parameter}:\n  {command}"));
        }
        lines.push("\nNext:".into());
        for command in &self.next {
            lines.push(format!("  {}", with_remark(command)));
        }
        lines.join("\n")
    }
}

fn with_remark(command: &str) -> String {
    let remark = match command.split(' ').next() {
        Some("cargo") => "the service on this machine, with .env. It calls LiveChat itself, not the sandbox",
        Some("sam") => "the stack on AWS",
        _ if command.contains("agent login --env-file") => "an agent's credentials for cargo local",
        _ if command.contains("agent login") => "an agent's credentials for the stack, when it is there",
        _ => "whether it works",
    };
    format!("{command:<30} # {remark}")
}
