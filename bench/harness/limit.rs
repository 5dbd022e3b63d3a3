//! A share of a processor, as Lambda gives it to a memory size: 1,769 MB are one processor
//! (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>). Needs a writable control group, so root in most places.

use crate::Result;
use std::{fs, path::PathBuf, thread, time::Duration};

/// The memory size that has one whole processor.
const WHOLE_PROCESSOR_MB: u32 = 1_769;
/// The share is given anew in each of these periods.
const PERIOD_US: u32 = 20_000;

/// A control group. It is removed when this value is dropped; its processes must have ended by then.
#[derive(Debug)]
pub(crate) struct Limit {
    folder: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The quota of a memory size, in µs for each period.
fn quota_us(memory_mb: u32) -> u32 {
    PERIOD_US * memory_mb / WHOLE_PROCESSOR_MB
}

impl Limit {
    /// A new group without a limit so far.
    ///
    /// # Errors
    /// If this machine does not let us create one.
    pub(crate) fn create() -> Result<Self> {
        let name = format!("livechat-cip-bench-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let groups = [("/sys/fs/cgroup/cpu", Version::One), ("/sys/fs/cgroup", Version::Two)];
        let mut problem = "there is no control group for processors".to_owned();
        for (root, version) in groups {
            let folder = PathBuf::from(root).join(&name);
            if let Err(error) = fs::create_dir(&folder) {
                problem = error.to_string();
                continue;
            }
            let limit = Self { folder, version };
            match limit.set(None) {
                Ok(()) => return Ok(limit),
                Err(error) => problem = error.to_string(),
            }
        }
        Err(format!("processors cannot be limited here: {problem}").into())
    }

    /// Gives the group's processes the share of this memory size from now on; with `None`, as much as they can use.
    pub(crate) fn set(&self, memory_mb: Option<u32>) -> Result<()> {
        let quota = memory_mb.map(quota_us);
        match self.version {
            Version::One => {
                self.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
                self.write("cpu.cfs_quota_us", &quota.map_or("-1".into(), |quota| quota.to_string()))
            }
            Version::Two => {
                let quota = quota.map_or("max".into(), |quota| quota.to_string());
                self.write("cpu.max", &format!("{quota} {PERIOD_US}"))
            }
        }
    }

    /// Moves a process into the group.
    pub(crate) fn add(&self, pid: u32) -> Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.folder.join(file), text)?)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // A killed process leaves its group a little later.
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        eprintln!("the control group {} was not removed", self.folder.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_in_proportion_to_memory() {
        assert_eq!(quota_us(WHOLE_PROCESSOR_MB), PERIOD_US);
        assert_eq!(quota_us(128), 1_447);
    }
}
