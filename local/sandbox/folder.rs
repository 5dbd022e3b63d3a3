//! The folder with the files that outlive the process. With a real licence it has LiveChat's cookies, so only its owner can read
//! it. Only one process at a time can use it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// A folder that no other process can use until this value is dropped or the process ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    const LOCK: &str = "lock";

    /// Opens the folder, and creates it if it does not exist. From then on, only the owner can read it and its files.
    ///
    /// # Errors
    /// One line, if the folder cannot be used or another process uses it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, String> {
        let path = path.into();
        let unusable = |error: io::Error| {
            format!(
                "{} cannot be used ({error}): make it readable and writable, delete it, or start with --memory",
                path.display()
            )
        };
        create_folder(&path).map_err(unusable)?;
        let file = path.join(Self::LOCK);
        let mut lock = private().read(true).write(true).create(true).truncate(false).open(&file).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&path, lock)),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // The process id is for the error of a second process.
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(unusable)?;
        restrict(&path).map_err(unusable)?;
        Ok(Self { path, _lock: lock })
    }

    /// The path of a file of this name.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn in_use(path: &Path, mut lock: File) -> String {
    let mut text = String::new();
    let owner = match lock.read_to_string(&mut text).map(|_| text.trim().parse::<u32>()) {
        Ok(Ok(id)) => format!("process {id}"),
        _ => "another process".into(),
    };
    format!(
        "{owner} uses {}, and two processes would create two customers for one new user: end that process, or start this one \
         with --memory or in another folder",
        path.display()
    )
}

/// Creates an empty file that only the owner can read, unless the file exists.
///
/// # Errors
/// If it cannot be created.
pub fn create(file: &Path) -> io::Result<()> {
    private().append(true).create(true).open(file).map(drop)
}

/// Writes a file that only the owner can read.
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

fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// For folders and files of an earlier version, which others could read.
#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // The target of a link stays as it is.
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
