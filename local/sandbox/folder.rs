//! The folder for what is kept from one start to the next. With a real licence it has LiveChat's cookies, so nobody but its
//! owner can read it, and one process at a time uses it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// A folder that no other process uses, until this is dropped or the process ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    const LOCK: &str = "lock";

    /// Opens the folder, and makes it if it is not there. It and its files become the owner's alone.
    ///
    /// # Errors
    /// One line, if it cannot be used or another process uses it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, String> {
        let path = path.into();
        let unusable = |error: io::Error| {
            format!("{} cannot be used ({error}): make it yours, delete it, or start with --memory", path.display())
        };
        make(&path).map_err(unusable)?;
        let file = path.join(Self::LOCK);
        let mut lock = private().read(true).write(true).create(true).truncate(false).open(&file).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(&path, lock)),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // Whoever comes next only reads it, to say who has the lock.
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(unusable)?;
        restrict(&path).map_err(unusable)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where a file of this name is kept.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn taken(path: &Path, mut lock: File) -> String {
    let mut text = String::new();
    let by = match lock.read_to_string(&mut text).map(|_| text.trim().parse::<u32>()) {
        Ok(Ok(id)) => format!("process {id}"),
        _ => "another process".into(),
    };
    format!(
        "{by} uses {}, and two at once would make two customers of a new user: end that one, or start this one with \
         --memory or in another folder",
        path.display()
    )
}

/// Makes an empty file for the owner alone, unless there is one.
///
/// # Errors
/// If it cannot be made.
pub fn create(file: &Path) -> io::Result<()> {
    private().append(true).create(true).open(file).map(drop)
}

/// Writes a file for the owner alone.
///
/// # Errors
/// If it cannot be written.
pub fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    private().write(true).create(true).truncate(true).open(file)?.write_all(bytes)
}

fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// For folders and files that an earlier version made.
#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // Not what a link leads to.
        if entry.file_type()?.is_file() {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}
