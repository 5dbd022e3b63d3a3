//! An environment of the SAM CLI in `samconfig.toml`, for `--config-env`.

use toml_edit::{DocumentMut, Item, Table, value};

/// The commands that read the parameters, and the one that checks the template.
const COMMANDS: [&str; 3] = ["build", "validate", "deploy"];

/// The text with an environment of this name, for a stack of its own. A new one has the settings of `default`; an existing one keeps its own,
/// but reads the parameters from `file`.
///
/// # Errors
/// Why it cannot be changed: the rest of a sentence that begins with the file's name.
pub(super) fn with_environment(text: &str, name: &str, file: &str) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| format!(" is invalid TOML: {}", error.message()))?;
    let is_new = document.get(name).is_none();
    if document.is_empty() {
        document.insert("version", value(0.1));
    }
    let mut environment = match document.get(name) {
        None => copy_of_default(&document),
        Some(Item::Table(table)) => table.clone(),
        Some(_) => return Err(format!(": {name} must be a table")),
    };
    let overrides = format!("file://{file}");
    for command in ["build", "deploy"] {
        let parameters = parameters(&mut environment, command).ok_or(format!(": {name}.{command} must be a table"))?;
        if parameters.get("parameter_overrides").and_then(Item::as_str) != Some(&overrides) {
            parameters.insert("parameter_overrides", value(&overrides));
        }
    }
    let deploy = parameters(&mut environment, "deploy").ok_or(format!(": {name}.deploy must be a table"))?;
    if is_new || !deploy.contains_key("stack_name") {
        deploy.insert("stack_name", value(stack_name(name)));
    }
    if !deploy.contains_key("capabilities") {
        deploy.insert("capabilities", value("CAPABILITY_IAM"));
    }
    if !deploy.contains_key("resolve_s3") && !deploy.contains_key("s3_bucket") {
        deploy.insert("resolve_s3", value(true));
    }
    document.insert(name, Item::Table(environment));
    Ok(document.to_string())
}

/// The stack of an environment.
pub(super) fn stack_name(environment: &str) -> String {
    format!("livechat-cip-{environment}")
}

/// Whether `sam deploy` reads the parameters from `parameters.yaml`, as the repository's file says.
pub(super) fn reads_parameters(text: &str) -> bool {
    let document: DocumentMut = text.parse().unwrap_or_default();
    let reads = |command: &str| {
        let parameters = document.get("default")?.get(command)?.get("parameters")?;
        Some(parameters.get("parameter_overrides")?.to_string().contains("file://parameters.yaml"))
    };
    ["build", "deploy"].into_iter().all(|command| reads(command) == Some(true))
}

fn parameters<'a>(environment: &'a mut Table, command: &str) -> Option<&'a mut Table> {
    let implicit = || {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    };
    let command = environment.entry(command).or_insert_with(implicit).as_table_mut()?;
    command.entry("parameters").or_insert_with(|| Item::Table(Table::new())).as_table_mut()
}

/// The values of `default`, without its comments.
fn copy_of_default(document: &DocumentMut) -> Table {
    let mut copy = Table::new();
    copy.set_implicit(true);
    for command in COMMANDS {
        let Some(from) = document.get("default").and_then(|table| table.get(command)) else { continue };
        let Some(from) = from.get("parameters").and_then(Item::as_table) else { continue };
        let Some(to) = parameters(&mut copy, command) else { continue };
        for (key, item) in from {
            if let Some(copied) = item.as_value() {
                let mut copied = copied.clone();
                copied.decor_mut().clear();
                to.insert(key, Item::Value(copied));
            }
        }
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../samconfig.toml");

    #[test]
    fn an_environment_is_added_after_all_that_was_there() {
        let changed = with_environment(SHIPPED, "staging", "parameters-staging.yaml").expect("good");
        let added = changed.strip_prefix(SHIPPED).unwrap_or_else(|| panic!("{changed}"));
        let expected = "
[staging.build.parameters]
cached = false
parallel = false
parameter_overrides = \"file://parameters-staging.yaml\"

[staging.validate.parameters]
lint = true

[staging.deploy.parameters]
stack_name = \"livechat-cip-staging\"
capabilities = \"CAPABILITY_IAM\"
resolve_s3 = true
confirm_changeset = true
parameter_overrides = \"file://parameters-staging.yaml\"
";
        assert_eq!(added, expected);
        assert_eq!(with_environment(&changed, "staging", "parameters-staging.yaml").as_ref(), Ok(&changed));
    }

    #[test]
    fn an_existing_environment_keeps_its_settings_and_comments() {
        let text = "[staging.deploy.parameters]\n# ours\nstack_name = 'shop' # mine\nparameter_overrides = \"A=1\"\ns3_bucket = \"b\"\n\n[other]\nx = 1\n";
        let changed = with_environment(text, "staging", "p.yaml").expect("good");
        for kept in [
            "# ours\nstack_name = 'shop' # mine\n",
            "s3_bucket = \"b\"\n",
            "[other]\nx = 1\n",
            "parameter_overrides = \"file://p.yaml\"",
        ] {
            assert!(changed.contains(kept), "{kept}: {changed}");
        }
        assert!(!changed.contains("resolve_s3"), "{changed}");
    }

    #[test]
    fn the_repositorys_file_reads_the_parameters() {
        assert!(reads_parameters(SHIPPED));
        assert!(!reads_parameters(&SHIPPED.replace("file://parameters.yaml", "file://other.yaml")));
        assert!(with_environment("= malformed", "a", "b").expect_err("refused").contains("is invalid TOML"));
    }
}
