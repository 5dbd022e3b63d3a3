//! Files that commands write: each as a whole or not at all.

use crate::failure::Failure;
use anstyle::AnsiColor;
use similar::{ChangeTag, TextDiff};
use std::{
    fmt::Write as _,
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// A file as it is.
#[derive(Debug)]
pub(crate) struct File {
    /// As it is named in the current folder.
    pub(crate) name: String,
    /// Where it is: a link's target.
    target: PathBuf,
    /// `None` if there is no such file.
    text: Option<String>,
}

/// What a file becomes.
pub(crate) struct Change {
    file: File,
    pub(crate) text: String,
    /// The text before and after, as it may be shown: without secrets.
    pub(crate) shown: (String, String),
    /// Whether only its owner may read it.
    pub(crate) is_private: bool,
}

impl File {
    /// Reads a file, and checks that it can be written.
    ///
    /// # Errors
    /// [`Failure::Input`] that says why it cannot.
    pub(crate) fn open(name: &str) -> Result<Self, Failure> {
        let refuse = |why: String| unusable(Path::new(name), &why);
        let target = replaceable(Path::new(name))?;
        let text = match fs::read(&target) {
            Ok(bytes) => Some(String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".into()))?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(refuse(error.to_string())),
        };
        Ok(Self { name: name.into(), target, text })
    }

    /// The text; empty if there is no such file.
    pub(crate) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    pub(crate) fn exists(&self) -> bool {
        self.text.is_some()
    }

    /// Whether others than its owner may read it.
    pub(crate) fn is_readable_by_others(&self) -> bool {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(&self.target).is_ok_and(|data| data.permissions().mode() & 0o077 != 0)
    }

    /// Whether a file can be created beside it, tried before anybody answers questions.
    ///
    /// # Errors
    /// [`Failure::Input`] with the folder.
    pub(crate) fn check_writable(&self) -> Result<(), Failure> {
        self.temporary().map(drop)
    }

    fn temporary(&self) -> Result<NamedTempFile, Failure> {
        let folder = folder_of(&self.target);
        NamedTempFile::with_prefix_in(".cip-", folder)
            .map_err(|error| Failure::Input(format!("{} cannot be written: {}: {error}", self.name, folder.display())))
    }
}

impl Change {
    pub(crate) fn new(file: File, text: String) -> Self {
        let shown = (file.text().to_owned(), text.clone());
        Self { file, text, shown, is_private: false }
    }

    pub(crate) fn name(&self) -> &str {
        &self.file.name
    }

    pub(crate) fn is_needed(&self) -> bool {
        self.file.text() != self.text
    }

    /// The lines that change, and nothing around them.
    pub(crate) fn difference(&self) -> String {
        let mut text = format!("{}{}\n", self.file.name, if self.file.exists() { "" } else { " (new)" });
        let difference = TextDiff::from_lines(&self.shown.0, &self.shown.1);
        for change in difference.iter_all_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Equal => continue,
                ChangeTag::Delete => ('-', AnsiColor::Red.on_default()),
                ChangeTag::Insert => ('+', AnsiColor::Green.on_default()),
            };
            let line: String = change.value().trim_end().chars().filter(|c| !c.is_control()).collect();
            let _ = writeln!(text, "  {style}{sign} {line}{style:#}");
        }
        text
    }

    /// Writes the new text beside the file, so that nothing but a rename is left to do.
    ///
    /// # Errors
    /// [`Failure::Input`] if that is not possible, or if somebody else has changed the file meanwhile.
    pub(crate) fn prepare(&self) -> Result<Prepared<'_>, Failure> {
        if File::open(&self.file.name)?.text != self.file.text {
            return Err(Failure::Input(format!(
                "{} has been changed meanwhile: run the command again.",
                self.file.name
            )));
        }
        let failed = |error: std::io::Error| Failure::Input(format!("{} cannot be written: {error}", self.file.name));
        let mut temporary = self.file.temporary()?;
        temporary.write_all(self.text.as_bytes()).map_err(failed)?;
        if !self.is_private {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&self.file.target).map_or(0o644, |data| data.permissions().mode());
            temporary.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
        }
        temporary.as_file().sync_all().map_err(failed)?;
        Ok(Prepared { temporary, change: self })
    }
}

/// A file that is written, but not in its place yet.
pub(crate) struct Prepared<'a> {
    temporary: NamedTempFile,
    change: &'a Change,
}

impl Prepared<'_> {
    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`Failure::Input`] if that is not possible.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let persisted = self.temporary.persist(&self.change.file.target);
        let failed = |error| Failure::Input(format!("{} cannot be written: {error}", self.change.file.name));
        persisted.map(drop).map_err(failed)
    }
}

/// The file that is replaced if a new one gets the name `path`: a link's target. A device or pipe cannot be replaced.
///
/// # Errors
/// [`Failure::Input`] that says what is there instead of a file.
pub(crate) fn replaceable(path: &Path) -> Result<PathBuf, Failure> {
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() => {
            return Err(unusable(path, "it is a link to a file that does not exist"));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path.to_owned()),
        Err(error) => return Err(unusable(path, &error.to_string())),
    };
    if target.is_dir() {
        return Err(unusable(path, "it is a folder"));
    }
    if !target.is_file() {
        return Err(unusable(path, "it is a device or a pipe, not a file"));
    }
    Ok(target)
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::Input(format!("{} cannot be used: {why}", path.display()))
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks that no file that a command writes is the one that it reads, another one that it writes, or the one that stdout or stderr goes to:
/// writing it would destroy its content. `read` may be `-` for stdin.
///
/// # Errors
/// [`Failure::Input`] with `why`.
pub(crate) fn check_distinct(read: &Path, written: &[Option<&Path>], why: &str) -> Result<(), Failure> {
    let read = if read == Path::new("-") { Path::new("/dev/stdin") } else { read };
    let mut others = vec![read, Path::new("/dev/stdout"), Path::new("/dev/stderr")];
    for path in written.iter().copied().flatten() {
        if others.iter().any(|other| is_same(path, other)) {
            return Err(Failure::Input(why.into()));
        }
        others.push(path);
    }
    Ok(())
}

/// Whether both are one regular file, also by different names, or will be the same new file.
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |path: &Path| Some((folder_of(path).canonicalize().ok()?, path.file_name()?.to_owned()));
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), Err(_)) => one == other || place(one).is_some_and(|place_of_one| place(other) == Some(place_of_one)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn path(folder: &tempfile::TempDir, name: &str) -> String {
        folder.path().join(name).to_string_lossy().into_owned()
    }

    fn write(name: &str, text: &str, is_private: bool) -> Result<(), Failure> {
        let mut change = Change::new(File::open(name)?, text.into());
        change.is_private = is_private;
        change.prepare()?.commit()
    }

    #[test]
    fn a_private_file_is_for_its_owner_alone_and_another_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let (private, other) = (path(&folder, ".env"), path(&folder, "parameters.yaml"));
        fs::write(&private, "old").expect("written");
        fs::write(&other, "old").expect("written");
        fs::set_permissions(&other, fs::Permissions::from_mode(0o640)).expect("set");
        write(&private, "new", true).expect("written");
        write(&other, "new", false).expect("written");
        let mode = |name: &str| fs::metadata(name).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&private), mode(&other)), (0o600, 0o640));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "no temporary file stays");
    }

    #[test]
    fn a_links_target_is_written_and_the_link_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let (link, target) = (path(&folder, ".env"), path(&folder, "real.env"));
        fs::write(&target, "old").expect("written");
        symlink(&target, &link).expect("a link");
        write(&link, "new", true).expect("written");
        assert_eq!(fs::read_to_string(&target).expect("there"), "new");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        fs::remove_file(&target).expect("removed");
        let why = File::open(&link).expect_err("refused").to_string();
        assert!(why.contains("a link to a file that does not exist"), "{why}");
    }

    #[test]
    fn a_device_is_not_replaced() {
        for path in ["/dev/null", "/dev/full"] {
            let why = File::open(path).expect_err("refused").to_string();
            assert!(why.contains("not a file"), "{why}");
        }
    }

    #[test]
    fn a_file_is_recognised_by_each_of_its_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "content").expect("written");
        fs::hard_link(at("file"), at("hard")).expect("a link");
        symlink(at("file"), at("soft")).expect("a link");
        for name in ["file", "hard", "soft", "./file"] {
            assert!(is_same(&at("file"), &at(name)), "{name}");
        }
        assert!(is_same(&at("new"), &at("./new")));
        for other in ["new", "other"] {
            assert!(!is_same(&at("file"), &at(other)), "{other}");
        }
        assert!(!is_same(&at("new"), &at("other")));
        let null = Path::new("/dev/null");
        assert!(!is_same(null, null), "what is written to a device destroys nothing");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let file = File { name: ".env".into(), target: "/proc/none/.env".into(), text: None };
        let why = file.check_writable().expect_err("refused").to_string();
        assert!(why.starts_with(".env cannot be written: /proc/none"), "{why}");
        let folder = tempfile::tempdir().expect("a folder");
        let why = File::open(&folder.path().to_string_lossy()).expect_err("refused").to_string();
        assert!(why.contains("it is a folder"), "{why}");
    }

    #[test]
    fn a_file_that_somebody_else_changes_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = path(&folder, ".env");
        let change = Change::new(File::open(&name).expect("good"), "mine".into());
        fs::write(&name, "theirs").expect("written");
        assert!(change.prepare().is_err());
        assert_eq!(fs::read_to_string(&name).expect("there"), "theirs");
    }
}
