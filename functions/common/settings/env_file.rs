//! Files with settings, such as `.env`, for `cargo local` and the operator's tool: the functions read none. Errors name the line, and never
//! repeat it: it may have a secret.

use super::NAMES;
use std::{
    cell::Cell,
    collections::HashMap,
    fs,
    io::{self, ErrorKind, Read},
    path::Path,
    rc::Rc,
};

/// The variables of the file; none if there is no such file.
///
/// # Errors
/// One line that names the file and the line in it.
pub fn read(file: &Path) -> Result<HashMap<String, String>, String> {
    match fs::read_to_string(file) {
        Ok(text) => read_text(&text).map_err(|why| format!("{}{why}", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => Err(format!("{} cannot be read: {error}", file.display())),
    }
}

/// The variables of a file with this text.
///
/// # Errors
/// The rest of a line that begins with the name of the file.
pub fn read_text(text: &str) -> Result<HashMap<String, String>, String> {
    parse(text).and_then(|all| refuse_repetitions(text, all))
}

/// The variables, or the rest of a sentence that begins with the name of the file.
fn parse(text: &str) -> Result<HashMap<String, String>, String> {
    // Some editors put a byte order mark first.
    let lines = Lines::of(text.strip_prefix('\u{feff}').unwrap_or(text));
    let number = Rc::clone(&lines.number);
    dotenvy::from_read_iter(lines).collect::<Result<_, _>>().map_err(|error| match error {
        dotenvy::Error::LineParse(entry, _) => {
            // A value in quotation marks can have several lines.
            let first = number.get() - entry.trim_end().matches('\n').count();
            format!(
                ", line {first} is invalid: expected NAME=value. A value with a space, `#`, `$` or a quotation mark \
                 needs single quotes around it"
            )
        }
        error => format!(" cannot be read: {error}"),
    })
}

/// The last of two lines would win without a word.
fn refuse_repetitions(text: &str, all: HashMap<String, String>) -> Result<HashMap<String, String>, String> {
    for name in all.keys() {
        if let [.., first, second] = lines_of(text, name)[..] {
            return Err(format!(
                " sets {name} twice, in lines {first} and {second}: a list has commas between its entries"
            ));
        }
    }
    Ok(all)
}

/// A warning for each variable of the file that is not a setting, but resembles one. In the environment, other programs may use such
/// names.
pub fn warnings(file: &Path) -> Vec<String> {
    let Ok(text) = fs::read_to_string(file) else { return Vec::new() };
    let names = parse(&text).unwrap_or_default().into_keys();
    let unknown = names.filter(|name| !NAMES.contains(&name.as_str()));
    unknown.filter_map(|name| Some(format!("{}{}", file.display(), resembling(&text, &name)?))).collect()
}

fn resembling(text: &str, name: &str) -> Option<String> {
    // One letter too few or too many, another one, or two that are exchanged.
    let meant = NAMES.iter().find(|setting| strsim::osa_distance(&name.to_ascii_uppercase(), setting) <= 1)?;
    let number = lines_of(text, name).pop()?;
    Some(format!(", line {number}: {name} is not a setting. Did you mean {meant}?"))
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
pub fn locate(file: &Path, error: &str) -> String {
    let is_in_environment = |name: &str| std::env::var_os(name).is_some();
    let Ok(text) = fs::read_to_string(file) else { return error.to_owned() };
    let names = named(error).filter(|name| !is_in_environment(name));
    let lines: Vec<_> = names.filter_map(|name| Some((name, lines_of(&text, name).pop()?))).collect();
    match lines[..] {
        [] => error.to_owned(),
        [(_, number)] => format!("{} ({}, line {number})", error.trim_end_matches('.'), file.display()),
        _ => {
            let lines: Vec<_> = lines.iter().map(|(name, number)| format!("{name} in line {number}")).collect();
            format!("{} ({}: {})", error.trim_end_matches('.'), file.display(), lines.join(", "))
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

/// The numbers of the lines that set this variable.
fn lines_of(text: &str, name: &str) -> Vec<usize> {
    let sets = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().enumerate().filter(|(_, line)| sets(line)).map(|(index, _)| index + 1).collect()
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
    fn a_variable_that_is_set_twice_is_refused() {
        let text = "A=1\nALLOWED_ORIGINS=http://a.test\n\nexport ALLOWED_ORIGINS=http://b.test\n";
        let line = parse(text).and_then(|all| refuse_repetitions(text, all)).expect_err("refused");
        assert!(line.starts_with(" sets ALLOWED_ORIGINS twice, in lines 2 and 4: "), "{line}");
    }

    #[test]
    fn a_name_that_resembles_a_setting_is_reported() {
        for (name, meant) in
            [("ALLOWED_ORIGIN", "ALLOWED_ORIGINS"), ("GUEST", "GUESTS"), ("AUHT", "AUTH"), ("auth", "AUTH")]
        {
            let line = resembling(&format!("A=1\n{name}=x\n"), name).expect("a warning");
            assert_eq!(line, format!(", line 2: {name} is not a setting. Did you mean {meant}?"));
        }
        for name in ["PORT", "DATABASE_URL", "AWS_REGION"] {
            assert_eq!(resembling(&format!("{name}=x\n"), name), None);
        }
    }

    #[test]
    fn the_settings_that_an_error_is_about_are_found_in_the_file() {
        let text = "# LIVECHAT_CLIENT_ID=x\nexport LIVECHAT_LICENSE_ID = 1\nLIVECHAT_LICENSE_ID=a\nAUTH=x\n";
        assert_eq!(lines_of(text, "LIVECHAT_LICENSE_ID"), [2, 3]);
        assert_eq!(lines_of(text, "LIVECHAT_CLIENT_ID"), [0; 0]);
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
