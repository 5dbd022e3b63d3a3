//! The processes of a Lambda function: each serves one call at a time, and ends some time after its last call.

/// How long Lambda keeps a process after its last call, in ms. AWS does not document it; five to fifteen minutes were observed.
const KEPT_MS: f64 = 600_000.0;

/// When each process became idle, or will become idle; Unix time in ms.
#[derive(Debug, Default)]
pub(super) struct Instances(Vec<f64>);

impl Instances {
    /// A call at this time, which takes `warm_ms` on an idle process and `cold_ms` on a new one. Returns whether a process was idle.
    pub(super) fn serve(&mut self, at_ms: u64, (warm_ms, cold_ms): (f64, f64)) -> bool {
        let at_ms = at_ms as f64;
        self.0.retain(|idle_from| at_ms - idle_from <= KEPT_MS);
        // The one that was used last, so that others can end.
        let idle = self.0.iter_mut().filter(|idle_from| **idle_from <= at_ms).max_by(|a, b| a.total_cmp(b));
        if let Some(idle_from) = idle {
            *idle_from = at_ms + warm_ms;
            return true;
        }
        self.0.push(at_ms + cold_ms);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_while_all_are_busy_starts_another_process() {
        let mut instances = Instances::default();
        assert!(!instances.serve(0, (10.0, 100.0)));
        assert!(!instances.serve(50, (10.0, 100.0)));
        assert!(instances.serve(150, (10.0, 100.0)));
        assert!(!instances.serve(2_000_000, (10.0, 100.0)));
    }
}
