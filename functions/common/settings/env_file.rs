//! Files with settings, such as `.env`, for `cargo local` and the operator's tool: the functions read none. Errors name the line, and never
//! repeat it: it may have a secret.

use std::{collections::HashMap, fs, io::ErrorKind, path::Path};

/// The variables of the file; none if there is no such file.
///
/// # Errors
/// One line that names the file and the line in it.
pub fn read(file: &Path) -> Result<HashMap<String, String>, String> {
    match fs::read_to_string(file) {
        Ok(text) => parse(&text).map_err(|why| format!("{}{why}", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => Err(format!("{} cannot be read: {error}", file.display())),
    }
}

/// The variables, or the rest of a sentence that begins with the name of the file.
fn parse(text: &str) -> Result<HashMap<String, String>, String> {
    // Some editors put a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    dotenvy::from_read_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(|error| match error {
        dotenvy::Error::LineParse(line, _) => {
            let number = text.find(line.trim_end()).map_or(0, |at| text[..at].matches('\n').count()) + 1;
            format!(
                ", line {number} is invalid: expected NAME=value. A value with a space, `#`, `$` or a quotation mark \
                 needs single quotes around it"
            )
        }
        error => format!(" cannot be read: {error}"),
    })
}

/// An error about a setting, with the line of the file that sets it, if that is where it is set.
pub fn locate(file: &Path, error: &str) -> String {
    let is_in_environment = |name: &str| std::env::var_os(name).is_some();
    match fs::read_to_string(file).ok().and_then(|text| line_of(&text, error, is_in_environment)) {
        Some(number) => format!("{} ({}, line {number})", error.trim_end_matches('.'), file.display()),
        None => error.to_owned(),
    }
}

/// The number of the last line that sets the variable whose name `error` begins with.
fn line_of(text: &str, error: &str, is_in_environment: impl Fn(&str) -> bool) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let name = &error[..error.find(|c| !is_part(c)).unwrap_or(error.len())];
    if name.is_empty() || is_in_environment(name) {
        return None;
    }
    let sets = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().enumerate().filter(|(_, line)| sets(line)).last().map(|(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_line_is_named_and_not_repeated() {
        for (text, number) in [
            ("secret hunter2\n", 1),
            ("A=1\n\n# a comment\nJWT_SECRET = hunter2 hunter2\nB=2\n", 4),
            ("A='one\ntwo'\r\nhunter2\r\n", 3),
            ("A=1\nB='hunter2", 2),
        ] {
            let line = parse(text).expect_err(text);
            assert!(line.starts_with(&format!(", line {number} is invalid: ")), "{line}");
            assert!(!line.contains("hunter2") && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn usual_files_are_read() {
        let all = parse("\u{feff}A=1\r\nexport B = 'two words' # why\n\nC=\n").expect("a good file");
        assert_eq!([&all["A"], &all["B"], &all["C"]], ["1", "two words", ""]);
    }

    #[test]
    fn an_error_about_a_setting_names_its_line() {
        let text = "# LIVECHAT_CLIENT_ID=x\nexport LIVECHAT_LICENSE_ID = 1\nLIVECHAT_LICENSE_ID=a\nAUTH=x\n";
        let line = |error| line_of(text, error, |name| name == "AUTH");
        assert_eq!(line("LIVECHAT_LICENSE_ID is invalid: expected an integer."), Some(3));
        assert_eq!(line("LIVECHAT_CLIENT_ID is not set: expected an id."), None);
        assert_eq!(line("AUTH is invalid: expected `jwt`."), None);
        assert_eq!(line("127.0.0.1:3000 cannot be used"), None);
    }
}
