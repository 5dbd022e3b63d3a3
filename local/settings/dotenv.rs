//! The file `.env` in the current folder. Errors name the line, and never repeat it: it may have a secret.

use std::{
    cell::Cell,
    collections::HashMap,
    fs,
    io::{self, ErrorKind, Read},
    rc::Rc,
};

const FILE: &str = ".env";

/// The variables of the file; none if there is no such file.
///
/// # Errors
/// One line that names the file and the line in it.
pub(super) fn read() -> Result<HashMap<String, String>, String> {
    match fs::read_to_string(FILE) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => Err(format!("{FILE} cannot be read: {error}")),
    }
}

fn parse(text: &str) -> Result<HashMap<String, String>, String> {
    // Some editors put a byte order mark first.
    let lines = Lines::of(text.strip_prefix('\u{feff}').unwrap_or(text));
    let number = Rc::clone(&lines.number);
    dotenvy::from_read_iter(lines).collect::<Result<_, _>>().map_err(|error| match error {
        dotenvy::Error::LineParse(entry, _) => {
            // A value in quotation marks can have several lines.
            let first = number.get() - entry.trim_end().matches('\n').count();
            format!(
                "{FILE}, line {first} is invalid: expected NAME=value. A value with a space, `#`, `$` or a quotation mark \
                 needs single quotes around it"
            )
        }
        error => format!("{FILE} cannot be read: {error}"),
    })
}

/// Returns one line for each read, and counts them: the parser does not say where it is.
struct Lines<'a> {
    rest: &'a [u8],
    number: Rc<Cell<usize>>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text.as_bytes(), number: Rc::default() }
    }
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let read = (&*line).read(buffer)?;
        self.rest = &self.rest[read..];
        if read > 0 && read == line.len() {
            self.number.set(self.number.get() + 1);
        }
        Ok(read)
    }
}

/// An error about settings, with the lines of the file that set them, if that is where they are set.
pub fn locate(error: &str) -> String {
    let is_in_environment = |name: &str| std::env::var_os(name).is_some();
    let Ok(text) = fs::read_to_string(FILE) else { return error.to_owned() };
    let names = named(error).filter(|name| !is_in_environment(name));
    let lines: Vec<_> = names.filter_map(|name| Some((name, line_of(&text, name)?))).collect();
    match lines[..] {
        [] => error.to_owned(),
        [(_, number)] => format!("{} ({FILE}, line {number})", error.trim_end_matches('.')),
        _ => {
            let lines: Vec<_> = lines.iter().map(|(name, number)| format!("{name} in line {number}")).collect();
            format!("{} ({FILE}: {})", error.trim_end_matches('.'), lines.join(", "))
        }
    }
}

/// The names that an error is about: `NAME is invalid`, `NAME is set, but …`.
fn named(error: &str) -> impl Iterator<Item = &str> {
    let is_name = |word: &str| {
        let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        word.len() > 1 && word.bytes().all(is_part)
    };
    error.split(" is ").filter_map(|part| part.rsplit(' ').next()).filter(move |word| is_name(word))
}

/// The number of the last line that sets this variable.
fn line_of(text: &str, name: &str) -> Option<usize> {
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
            ("# JWT_SECRET goes here\nJWT_SECRET\n", 2),
            ("JWT_SECRET_PREVIOUS=x\nJWT_SECRET=x y\n", 2),
            ("A='one\ntwo'\nB='hunter2\ntwo' three\n", 3),
            (&format!("A={}\nhunter2\n", "x".repeat(20_000)), 2),
        ] {
            let line = parse(text).expect_err(text);
            assert!(line.starts_with(&format!(".env, line {number} is invalid: ")), "{line}");
            assert!(!line.contains("hunter2") && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn usual_files_are_read() {
        let all = parse("\u{feff}A=1\r\nexport B = 'two words' # why\n\nC=\n").expect("a good file");
        assert_eq!([&all["A"], &all["B"], &all["C"]], ["1", "two words", ""]);
    }

    #[test]
    fn the_settings_that_an_error_is_about_are_found_in_the_file() {
        let text = "# LIVECHAT_CLIENT_ID=x\nexport LIVECHAT_LICENSE_ID = 1\nLIVECHAT_LICENSE_ID=a\nAUTH=x\n";
        assert_eq!(line_of(text, "LIVECHAT_LICENSE_ID"), Some(3));
        assert_eq!(line_of(text, "LIVECHAT_CLIENT_ID"), None);
        let names = |error| named(error).collect::<Vec<_>>();
        assert_eq!(names("LIVECHAT_LICENSE_ID is invalid: expected an integer."), ["LIVECHAT_LICENSE_ID"]);
        assert_eq!(
            names(
                "LIVECHAT_CLINT_ID is set: did you mean LIVECHAT_CLIENT_ID? JWT_ISUER is set, but there is no such one"
            ),
            ["LIVECHAT_CLINT_ID", "JWT_ISUER"]
        );
        assert_eq!(names("127.0.0.1:3000 cannot be used"), [""; 0]);
    }
}
