//! How long LiveChat usually takes, as one process has seen it.

use std::time::Duration;

/// The usual response time and its variation, estimated like a TCP connection's round trip (RFC 6298).
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// `None` before the first token.
    usual: Option<Usual>,
}

#[derive(Clone, Copy, Debug)]
struct Usual {
    mean: Duration,
    /// The mean deviation from that.
    deviation: Duration,
}

impl Latency {
    /// A call is late after this time in a process that has seen no response yet: a first call with a TLS handshake takes less.
    const UNKNOWN: Duration = Duration::from_millis(300);
    /// No call is late before this time. A late call costs two writes, and a short pause of the machine must not count as a slow LiveChat.
    const LEAST: Duration = Duration::from_millis(100);
    /// Every call is late after this time, however slow LiveChat has been.
    pub const MOST: Duration = Duration::from_secs(1);

    /// LiveChat gave a token after this time.
    pub fn note(&mut self, took: Duration) {
        let took = took.min(Duration::from_mins(1));
        self.usual = Some(match self.usual {
            None => Usual { mean: took, deviation: took / 2 },
            Some(Usual { mean, deviation }) => {
                Usual { mean: (mean * 7 + took) / 8, deviation: (deviation * 3 + mean.abs_diff(took)) / 4 }
            }
        });
    }

    /// A call that has waited for longer is late.
    pub fn late_after(&self) -> Duration {
        self.usual.map_or(Self::UNKNOWN, |usual| (usual.mean + usual.deviation * 4).clamp(Self::LEAST, Self::MOST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(times_ms: impl IntoIterator<Item = u64>) -> u64 {
        let mut latency = Latency::default();
        for time_ms in times_ms {
            latency.note(Duration::from_millis(time_ms));
        }
        u64::try_from(latency.late_after().as_millis()).expect("a short time")
    }

    #[test]
    fn the_usual_latency_is_learned_from_earlier_calls() {
        assert_eq!(after([]), 300);
        assert_eq!(after([80]), 240);
        assert!((100..=140).contains(&after([80; 8])), "{}", after([80; 8]));
        assert!((200..=300).contains(&after([200; 20])), "{}", after([200; 20]));
    }

    #[test]
    fn a_call_is_late_later_if_latency_varies() {
        assert!(after([60, 140].repeat(20)) > 200);
        assert!(after([80; 40]) < 110);
    }

    #[test]
    fn the_time_after_which_a_call_is_late_has_limits() {
        assert_eq!(after([3; 40]), 100);
        assert_eq!(after([2_600; 40]), 1_000);
        assert_eq!(after([u64::MAX / 2]), 1_000);
    }
}
